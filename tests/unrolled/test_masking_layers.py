"""Layers of layers under masks, against live Keras: Bidirectional, stacks of cells, Sequential; and all that ``returns`` foretells.

Every weight and initial state is random, and batch, timesteps, features and units all differ.
"""

import numpy as np
import pytest

import unrolled as ur

keras = pytest.importorskip("keras")
layers = keras.layers

BATCH, TIMESTEPS, FEATURES, UNITS = 2, 6, 3, 4
MASKS = {
    "none": None,
    "right": [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0]],
    "left": [[0, 0, 0, 1, 1, 1], [0, 1, 1, 1, 1, 1]],
    "hole": [[1, 1, 0, 0, 1, 1], [0, 1, 0, 1, 0, 1]],
    "all of one": [[0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]],
}
KINDS = {"SimpleRNN": (layers.SimpleRNN, 1), "LSTM": (layers.LSTM, 2), "GRU": (layers.GRU, 1)}
MODES = ("concat", "sum", "ave", "mul", None)


@pytest.fixture(params=MASKS, ids=str)
def mask(request):
    return None if MASKS[request.param] is None else np.array(MASKS[request.param], bool)


@pytest.fixture
def x(rng):
    return rng.normal(size=(BATCH, TIMESTEPS, FEATURES)).astype("float32")


def filled(layer, rng, shape=(None, None, FEATURES)):
    """The layer, built, with no weight left at zero."""
    layer.build(shape)
    layer.set_weights([rng.normal(scale=0.6, size=w.shape) for w in layer.get_weights()])
    return layer


def state(rng, units=UNITS):
    return rng.normal(size=(BATCH, units)).astype("float32")


def flat(result):
    return [keras.ops.convert_to_numpy(a) for a in keras.tree.flatten(result)]


def finals(trace):
    """The states that ``return_state`` gives, in its order."""
    return [trace.final_hidden] + ([trace.final_cell] if trace.kind == "LSTM" else [])


def assert_close(ours, theirs):
    assert len(ours) == len(theirs)
    for place, (a, b) in enumerate(zip(ours, theirs)):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6, err_msg=f"item {place}")


# Bidirectional

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("merge_mode", MODES, ids=str)
def test_bidirectional_from_given_states(kind, merge_mode, mask, x, rng):
    make, count = KINDS[kind]
    layer = filled(layers.Bidirectional(make(UNITS, return_sequences=True, return_state=True), merge_mode), rng)
    start = [state(rng) for _ in range(2 * count)]
    trace = ur.trace(layer, x, start, mask)
    outputs = trace.output if merge_mode is None else (trace.output,)
    assert_close([*outputs, *finals(trace.forward), *finals(trace.backward)],
                 flat(layer(x, initial_state=start, mask=mask)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("merge_mode", MODES, ids=str)
def test_bidirectional_last_output(kind, merge_mode, mask, x, rng):
    make, _ = KINDS[kind]
    layer = filled(layers.Bidirectional(make(UNITS), merge_mode), rng)
    last = ur.trace(layer, x, mask=mask).final_output
    assert_close(last if merge_mode is None else [last], flat(layer(x, mask=mask)))


def test_the_backward_half_is_turned(x, rng):
    """Its first row in time is its last in processing; taking one for the other must show."""
    layer = filled(layers.Bidirectional(layers.GRU(UNITS, return_sequences=True)), rng)
    trace = ur.trace(layer, x)
    np.testing.assert_array_equal(trace.backward.time, np.arange(TIMESTEPS)[::-1])
    np.testing.assert_array_equal(trace.output[:, 0, UNITS:], trace.backward.final_hidden)
    assert np.abs(trace.output[..., UNITS:] - trace.backward.output).max() > 0.05


@pytest.mark.parametrize("kind, count", [("LSTM", 3), ("GRU", 1), ("SimpleRNN", 3)])
def test_bidirectional_takes_states_in_halves(kind, count, x, rng):
    layer = filled(layers.Bidirectional(KINDS[kind][0](UNITS)), rng)
    with pytest.raises(ValueError, match=f"initial_state has {count} item.*forward half's states"):
        ur.trace(layer, x, [state(rng) for _ in range(count)])


def test_bidirectional_with_the_states_of_another_kind(x, rng):
    layer = filled(layers.Bidirectional(layers.LSTM(UNITS)), rng)
    with pytest.raises(ValueError, match="initial_state has 1 item.*LSTM takes 2: hidden, cell"):
        ur.trace(layer, x, [state(rng), state(rng)])


# Single layers

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("zeros", [False, True])
def test_one_layer(kind, go_backwards, zeros, mask, x, rng):
    make, count = KINDS[kind]
    layer = filled(make(UNITS, return_sequences=True, return_state=True, go_backwards=go_backwards,
                        zero_output_for_mask=zeros), rng)
    start = [state(rng) for _ in range(count)]
    trace = ur.trace(layer, x, start, mask)
    assert_close([trace.output, *finals(trace)], flat(layer(x, initial_state=start, mask=mask)))
    by_hand = ur.unroll(ur.from_keras(layer), x, start, mask, go_backwards=go_backwards, zero_output_for_mask=zeros)
    np.testing.assert_array_equal(by_hand.output, trace.output)


@pytest.mark.parametrize("kind, given", [("LSTM", 1), ("LSTM", 3), ("GRU", 2), ("SimpleRNN", 2)])
def test_a_layer_given_too_few_or_too_many_states(kind, given, x, rng):
    make, count = KINDS[kind]
    layer = filled(make(UNITS), rng)
    with pytest.raises(ValueError, match=rf"initial_state has {given} item.*{kind} takes {count}"):
        ur.trace(layer, x, [state(rng) for _ in range(given)])


# RNN([cells])

def stack(rng, **flags):
    cells = [layers.LSTMCell(UNITS), layers.GRUCell(5), layers.SimpleRNNCell(2)]
    return filled(layers.RNN(cells, return_sequences=True, return_state=True, **flags), rng)


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("zeros", [False, True])
def test_a_stack_of_cells(go_backwards, zeros, mask, x, rng):
    layer = stack(rng, go_backwards=go_backwards, zero_output_for_mask=zeros)
    start = [[state(rng), state(rng)], [state(rng, 5)], [state(rng, 2)]]
    traces = ur.trace(layer, x, start, mask)
    assert [t.kind for t in traces] == ["LSTM", "GRU", "SimpleRNN"]
    states = [final for trace in traces for final in finals(trace)]
    assert_close([traces[-1].output, *states], flat(layer(x, initial_state=start, mask=mask)))


def test_a_stack_starts_from_zeros_if_no_state_is_given(mask, x, rng):
    layer = stack(rng)
    traces = ur.trace(layer, x, mask=mask)
    states = [final for trace in traces for final in finals(trace)]
    assert_close([traces[-1].output, *states], flat(layer(x, mask=mask)))


def test_each_cell_of_a_backward_stack_knows_its_time(x, rng):
    for trace in ur.trace(stack(rng, go_backwards=True), x):
        np.testing.assert_array_equal(trace.time, np.arange(TIMESTEPS)[::-1])


def test_a_stack_takes_one_item_for_each_cell(x, rng):
    with pytest.raises(ValueError, match="initial_state has 2 item.*stacks 3 cells"):
        ur.trace(stack(rng), x, [[state(rng), state(rng)], [state(rng, 5)]])


def test_a_stack_names_the_cell_whose_states_do_not_fit(x, rng):
    with pytest.raises(ValueError, match="initial_state has 1 item.*LSTM takes 2"):
        ur.trace(stack(rng), x, [[state(rng)], [state(rng, 5)], [state(rng, 2)]])


# Sequential

IDS = np.array([[5, 2, 8, 0, 0, 0], [4, 1, 7, 3, 9, 6]])


def test_the_mask_of_an_embedding_reaches_every_layer(rng):
    model = keras.Sequential([
        layers.Embedding(10, FEATURES, mask_zero=True),
        layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True), name="both"),
        layers.Dropout(0.5),
        layers.Dense(5, activation="tanh"),
        layers.GRU(7, return_sequences=True, go_backwards=True, name="back"),
        layers.SimpleRNN(2, name="top"),
    ])
    model(IDS)
    model.set_weights([rng.normal(scale=0.6, size=w.shape) for w in model.get_weights()])
    traces = ur.trace(model, IDS)
    assert list(traces) == ["both", "back", "top"]
    np.testing.assert_array_equal(traces["both"].forward.mask, IDS != 0)
    np.testing.assert_array_equal(traces["back"].mask, (IDS != 0)[:, ::-1])  # in the order of processing
    assert_close([traces["top"].final_output], flat(model(IDS)))
    assert_close([traces["both"].output], flat(model.layers[1](model.layers[0](IDS))))


def test_the_padding_of_an_embedding_does_not_count(rng):
    model = keras.Sequential([layers.Embedding(10, FEATURES, mask_zero=True),
                              layers.LSTM(UNITS, return_sequences=True), layers.GRU(5, name="top")])
    model(IDS)
    padded, bare = ur.trace(model, IDS[:1])["top"], ur.trace(model, IDS[:1, :3])["top"]
    np.testing.assert_allclose(padded.final_hidden, bare.final_hidden, rtol=0, atol=1e-6)
    np.testing.assert_allclose(padded.output[:, :3], bare.output, rtol=0, atol=1e-6)


def test_a_layer_that_drops_the_mask(rng):
    model = keras.Sequential([layers.Masking(), layers.Conv1D(5, 3, padding="same"), layers.LSTM(UNITS, name="top")])
    x = np.where((IDS != 0)[..., None], rng.normal(size=(*IDS.shape, FEATURES)), 0).astype("float32")
    with pytest.warns(UserWarning, match="does not support mask"):
        answer = flat(model(x))
        trace = ur.trace(model, x)["top"]
    assert trace.mask is None
    assert_close([trace.final_output], answer)


def test_a_model_takes_no_initial_state(x, rng):
    model = keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), layers.GRU(UNITS)])
    with pytest.raises(ValueError, match="initial_state was given for a whole model"):
        ur.trace(model, x, state(rng))


def test_a_model_without_a_recurrent_layer(x):
    model = keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), layers.Dense(2)], name="flat")
    with pytest.raises(TypeError, match="model 'flat' has no recurrent layer to trace"):
        ur.trace(model, x)


# returns: every row of the matrix

LINE, IMAGE, VOLUME = (2, 5, 8, 3), (2, 5, 8, 7, 3), (2, 3, 6, 5, 4, 3)
SEQUENCE, PARAGRAPH = (BATCH, TIMESTEPS, FEATURES), (2, 3, TIMESTEPS, FEATURES)
MATRIX = {
    "SimpleRNN": (lambda **f: layers.SimpleRNN(4, **f), SEQUENCE),
    "GRU": (lambda **f: layers.GRU(4, **f), SEQUENCE),
    "GRU reset before": (lambda **f: layers.GRU(4, reset_after=False, **f), SEQUENCE),
    "LSTM": (lambda **f: layers.LSTM(4, **f), SEQUENCE),
    "LSTM go_backwards": (lambda **f: layers.LSTM(4, go_backwards=True, **f), SEQUENCE),
    "RNN(SimpleRNNCell)": (lambda **f: layers.RNN(layers.SimpleRNNCell(4), **f), SEQUENCE),
    "RNN(GRUCell)": (lambda **f: layers.RNN(layers.GRUCell(4), **f), SEQUENCE),
    "RNN(LSTMCell)": (lambda **f: layers.RNN(layers.LSTMCell(4), **f), SEQUENCE),
    "RNN([LSTMCell, GRUCell])": (lambda **f: layers.RNN([layers.LSTMCell(4), layers.GRUCell(5)], **f), SEQUENCE),
    "RNN([GRUCell, LSTMCell])": (lambda **f: layers.RNN([layers.GRUCell(5), layers.LSTMCell(4)], **f), SEQUENCE),
    **{f"Bidirectional({kind}, {mode})": (
        lambda make=make, mode=mode, **f: layers.Bidirectional(make(4, **f), mode), SEQUENCE)
       for kind, (make, _) in KINDS.items() for mode in MODES},
    "ConvLSTM1D": (lambda **f: layers.ConvLSTM1D(4, 3, **f), LINE),
    "ConvLSTM1D same": (lambda **f: layers.ConvLSTM1D(4, 3, padding="same", strides=2, **f), LINE),
    "ConvLSTM2D": (lambda **f: layers.ConvLSTM2D(4, (3, 2), **f), IMAGE),
    "ConvLSTM3D": (lambda **f: layers.ConvLSTM3D(4, 2, **f), VOLUME),
    "TimeDistributed(LSTM)": (lambda **f: layers.TimeDistributed(layers.LSTM(4, **f)), PARAGRAPH),
}


def shapes(result):
    if isinstance(result, (tuple, list)):
        return tuple(shapes(item) for item in result)
    return tuple(result.shape)


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("return_state", [False, True])
@pytest.mark.parametrize("name", MATRIX)
def test_returns_foretells_the_live_layer(name, return_sequences, return_state, rng):
    make, shape = MATRIX[name]
    layer = make(return_sequences=return_sequences, return_state=return_state)
    if return_state and name.startswith("TimeDistributed"):
        with pytest.raises(ValueError, match="use return_state=False there"):
            ur.returns(layer, shape)
        return
    promised = tuple(ur.returns(layer, shape).values())
    result = layer(rng.normal(size=shape).astype("float32"))
    assert promised == (shapes(result) if isinstance(result, (tuple, list)) else (shapes(result),))
