"""From live layers to their gates and back: in models, with state, around cells; and what is refused, in words."""

import numpy as np
import pytest

import unrolled as ur

keras = pytest.importorskip("keras")
layers = keras.layers

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # TensorFlow's tensors under NumPy 2

BATCH, TIMESTEPS, FEATURES, UNITS = 4, 6, 3, 5


def _numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture
def x(rng):
    return rng.normal(size=(BATCH, TIMESTEPS, FEATURES)).astype("float32")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_there_and_back(kind, dtype, use_bias, draw, rng):
    cell = draw.cell(kind, rng, dtype=dtype, use_bias=use_bias, activation="softsign", recurrent_activation="hard_sigmoid")
    back = ur.from_keras(ur.to_keras(cell))
    assert type(back) is type(cell) and back.dtype == dtype
    assert np.array_equal(back.kernel, cell.kernel) and np.array_equal(back.recurrent_kernel, cell.recurrent_kernel)
    assert back.bias is None if cell.bias is None else np.array_equal(back.bias, cell.bias)
    for setting in ("activation", "recurrent_activation", "reset_after"):
        assert getattr(back, setting, None) == getattr(cell, setting, None)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_directions_there_and_back(kind, dtype, use_bias, draw, rng):
    cells = draw.cell(kind, rng, 3, 4, dtype=dtype, use_bias=use_bias), draw.cell(kind, rng, 3, 5, dtype=dtype, use_bias=use_bias)
    back = ur.from_keras(ur.to_keras(cells))
    assert isinstance(back, tuple)
    for ours, theirs in zip(back, cells, strict=True):
        assert type(ours) is type(theirs) and ours.dtype == dtype
        assert getattr(ours, "reset_after", None) == getattr(theirs, "reset_after", None)
        assert np.array_equal(ours.kernel, theirs.kernel) and np.array_equal(ours.recurrent_kernel, theirs.recurrent_kernel)
        assert ours.bias is None if theirs.bias is None else np.array_equal(ours.bias, theirs.bias)


@pytest.mark.parametrize("sequences", [True, False])
def test_a_bidirectional_of_two_cells_runs_the_second_backwards(sequences, draw, rng, x):
    cells = draw.cell("LSTM", rng, FEATURES, 4, dtype="float32"), draw.cell("LSTM", rng, FEATURES, 4, dtype="float32")
    layer = ur.to_keras(cells, return_sequences=sequences, merge_mode="sum", name="both")
    forward, backward = ur.unroll(cells[0], x), ur.unroll(cells[1], x, go_backwards=True)
    expected = (forward.output + backward.output[:, ::-1] if sequences else forward.final_hidden + backward.final_hidden)
    assert layer.name == "both" and layer.built
    np.testing.assert_allclose(_numpy(layer(x)), expected, rtol=0, atol=1e-6)


def test_two_cells_that_make_no_bidirectional(draw, rng):
    lstm, gru = draw.cell("LSTM", rng), draw.cell("GRU", rng)
    for cells, message in (((lstm, gru), "have the kind LSTM and GRU"), ((lstm, draw.cell("LSTM", rng, 2)), "have the features 3 and 2"),
                           ((lstm, draw.cell("LSTM", rng, dtype="float32")), "have the dtype float64 and float32")):
        with pytest.raises(ValueError, match=f"the two cells {message}, but the halves of a Bidirectional share it"):
            ur.to_keras(cells)
    with pytest.raises(ValueError, match="go_backwards was given for two cells"):
        ur.to_keras((lstm, lstm), go_backwards=True)
    with pytest.raises(TypeError, match="cell is a tuple of 3, but a Bidirectional takes two cells"):
        ur.to_keras((lstm, lstm, lstm))


def test_options_reach_the_layer(draw, rng):
    layer = ur.to_keras(draw.cell("GRU", rng), return_sequences=True, return_state=True, name="mine")
    assert (layer.name, layer.return_sequences, layer.return_state, layer.built) == ("mine", True, True, True)


def test_a_cell_does_not_follow_the_layer(draw, rng):
    layer = ur.to_keras(draw.cell("LSTM", rng))
    cell = ur.from_keras(layer)
    before = cell.kernel.copy()
    layer.set_weights([w + 1 for w in layer.get_weights()])
    assert np.array_equal(cell.kernel, before)


def test_a_layer_in_a_trained_sequential_model(x):
    model = keras.Sequential([layers.Input((TIMESTEPS, FEATURES)), layers.LSTM(UNITS, return_sequences=True, name="first"),
                              layers.GRU(UNITS, name="second"), layers.Dense(1)])
    model.compile("adam", "mse")
    start = model.layers[0].get_weights()[0]
    model.fit(x, x[:, 0, :1], epochs=2, verbose=0)
    assert np.abs(model.layers[0].get_weights()[0] - start).max() > 1e-4  # it is the trained weights that are traced
    first = ur.trace(model.layers[0], x)
    second = ur.trace(model.get_layer("second"), first.output)
    weights, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(second.final_hidden @ weights + bias, _numpy(model(x)), rtol=0, atol=2e-6)


def test_a_layer_behind_an_embedding_that_masks():
    tokens = np.array([[3, 1, 2, 0, 0], [1, 0, 2, 2, 0], [2, 3, 3, 1, 1]])
    inputs = keras.Input((5,), dtype="int32")
    embedding, lstm = layers.Embedding(4, FEATURES, mask_zero=True), layers.LSTM(UNITS, return_sequences=True, return_state=True)
    sequence, h, c = lstm(embedding(inputs))
    model = keras.Model(inputs, [sequence, h, c])
    trace = ur.trace(lstm, embedding(tokens), mask=embedding.compute_mask(tokens))
    for ours, theirs in zip((trace.output, trace.final_hidden, trace.final_cell), model(tokens)):
        np.testing.assert_allclose(ours, _numpy(theirs), rtol=0, atol=1e-6)
    assert trace.mask.sum() == (tokens != 0).sum()


@pytest.mark.parametrize("cell, kind", [(layers.SimpleRNNCell, "SimpleRNN"), (layers.LSTMCell, "LSTM"), (layers.GRUCell, "GRU")])
def test_rnn_around_a_cell(cell, kind, x):
    layer = layers.RNN(cell(UNITS), return_sequences=True)
    expected = _numpy(layer(x))
    trace = ur.trace(layer, x)
    assert trace.kind == kind
    np.testing.assert_allclose(trace.output, expected, rtol=0, atol=1e-6)


def test_a_layer_of_ones_own_that_is_an_lstm(x):
    class Mine(layers.LSTM):
        pass

    layer = Mine(UNITS, return_sequences=True)
    expected = _numpy(layer(x))
    np.testing.assert_allclose(ur.trace(layer, x).output, expected, rtol=0, atol=1e-6)


def test_dropout_is_of_training_and_a_trace_of_inference(x):
    layer = layers.GRU(UNITS, dropout=0.5, recurrent_dropout=0.5, return_sequences=True)
    expected = _numpy(layer(x))
    np.testing.assert_allclose(ur.trace(layer, x).output, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", [layers.SimpleRNN, layers.LSTM, layers.GRU])
def test_a_stateful_layer_goes_on_from_its_states(make, x):
    layer = make(UNITS, stateful=True, return_sequences=True)
    layer.build(x.shape)
    for _ in range(3):
        trace = ur.trace(layer, x)
        again = ur.trace(layer, x)  # looking does not move the layer on
        assert np.array_equal(trace.hidden, again.hidden)
        np.testing.assert_allclose(trace.output, _numpy(layer(x)), rtol=0, atol=1e-6)
    assert trace.initial_hidden.any()
    layer.reset_state()
    assert not ur.trace(layer, x).initial_hidden.any()


def test_an_initial_state_goes_before_the_held_one(x):
    layer = layers.LSTM(UNITS, stateful=True)
    layer(x)
    given = [np.full((BATCH, UNITS), 0.5, "float32"), np.full((BATCH, UNITS), -0.5, "float32")]
    trace = ur.trace(layer, x, given)
    assert (trace.initial_hidden == 0.5).all() and (trace.initial_cell == -0.5).all()


def test_tensors_are_taken_like_arrays(x, rng):
    layer = layers.LSTM(UNITS)
    layer.build(x.shape)
    states = [rng.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(2)]
    mask = rng.random((BATCH, TIMESTEPS)) < 0.5
    tensors = [keras.ops.convert_to_tensor(a) for a in (x, *states, mask)]
    one, other = ur.trace(layer, x, states, mask), ur.trace(layer, tensors[0], tensors[1:3], tensors[3])
    assert np.array_equal(one.output, other.output) and np.array_equal(one.final_cell, other.final_cell)


# What holds several cells.

@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("return_sequences", [True, False])
def test_bidirectional(merge_mode, masked, return_sequences, x, rng):
    layer = layers.Bidirectional(layers.LSTM(UNITS, return_sequences=return_sequences), merge_mode=merge_mode)
    mask = rng.random((BATCH, TIMESTEPS)) < 0.7 if masked else None
    expected = layer(x, mask=None if mask is None else keras.ops.convert_to_tensor(mask))
    trace = ur.trace(layer, x, mask=mask)
    ours = trace.output if return_sequences else trace.final_output
    pairs = [(ours, expected)] if merge_mode else list(zip(ours, expected, strict=True))
    for a, b in pairs:
        np.testing.assert_allclose(a, _numpy(b), rtol=0, atol=1e-6)


def test_bidirectional_takes_the_states_of_both_halves(x, rng):
    layer = layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True, return_state=True))
    states = [rng.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(4)]
    outputs, *finals = [_numpy(a) for a in layer(x, initial_state=[keras.ops.convert_to_tensor(s) for s in states])]
    trace = ur.trace(layer, x, states)
    ours = (trace.forward.final_hidden, trace.forward.final_cell, trace.backward.final_hidden, trace.backward.final_cell)
    for a, b in zip((trace.output, *ours), (outputs, *finals), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize("go_backwards", [False, True])
def test_an_rnn_of_several_cells(go_backwards, x, rng):
    layer = layers.RNN([layers.LSTMCell(UNITS), layers.GRUCell(4), layers.SimpleRNNCell(3)], return_sequences=True,
                       return_state=True, go_backwards=go_backwards)
    mask = rng.random((BATCH, TIMESTEPS)) < 0.7
    outputs, (h, c), *_ = layer(x, mask=keras.ops.convert_to_tensor(mask))
    lstm, gru, simple = ur.trace(layer, x, mask=mask)
    assert (lstm.kind, gru.kind, simple.kind) == ("LSTM", "GRU", "SimpleRNN")
    assert lstm.time.tolist() == gru.time.tolist() == list(range(TIMESTEPS))[::-1 if go_backwards else 1]
    for a, b in ((simple.output, outputs), (lstm.final_hidden, h), (lstm.final_cell, c)):
        np.testing.assert_allclose(a, _numpy(b), rtol=0, atol=1e-6)


def test_a_sequential_model_gives_a_trace_of_each_recurrent_layer():
    tokens = np.array([[3, 1, 2, 0, 0], [1, 2, 2, 2, 0], [2, 3, 3, 1, 1]])
    model = keras.Sequential([layers.Embedding(4, FEATURES, mask_zero=True), layers.GRU(UNITS, return_sequences=True, name="low"),
                              layers.Bidirectional(layers.LSTM(4), name="high"), layers.Dense(2)])
    expected = _numpy(model(tokens))
    traces = ur.trace(model, tokens)
    assert list(traces) == ["low", "high"]
    weights, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(traces["high"].final_output @ weights + bias, expected, rtol=0, atol=2e-6)
    assert np.array_equal(traces["low"].mask, tokens != 0)


# What is refused. Each message names what came, and what to do instead.

def _square(v):
    return v * v


def _built(layer):
    layer.build((None, TIMESTEPS, FEATURES))
    return layer


REFUSED = {
    "not built": (lambda: layers.LSTM(3, name="fresh"), ValueError, r"layer 'fresh' is not built yet.*call it once, or layer\.build"),
    "Dense": (lambda: layers.Dense(3), TypeError, r"layer is a Dense, which is not recurrent.*pass a SimpleRNN, an LSTM or a GRU layer"),
    "an array": (lambda: np.ones(3), TypeError, r"layer is a ndarray, which is not recurrent"),
    "None": (lambda: None, TypeError, r"layer is a NoneType, which is not recurrent"),
    "Bidirectional, not built": (lambda: layers.Bidirectional(layers.LSTM(3), name="both"), ValueError,
                                 r"layer 'forward_lstm.*' is not built yet"),
    "Bidirectional around ConvLSTM": (lambda: layers.Bidirectional(layers.ConvLSTM1D(3, 2)), TypeError, "layer is a ConvLSTM1D"),
    "several cells": (lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(3)], name="stack"), TypeError,
                      r"layer 'stack' stacks several cells"),
    "a model": (lambda: keras.Sequential([layers.LSTM(3)], name="net"), TypeError, r"'net' is a whole model.*model\.layers\[0\]"),
    "ConvLSTM": (lambda: layers.ConvLSTM1D(3, 2), TypeError, r"layer is a ConvLSTM1D"),
    "mixed precision": (lambda: _built(layers.LSTM(3, dtype="mixed_float16", name="half")), ValueError,
                        r"layer 'half' computes in float16, but a trace is float32 or float64"),
    "gelu": (lambda: _built(layers.LSTM(3, activation="gelu")), ValueError,
             r"the layer's activation: activation is 'gelu', which is not one that is written out here; there are .*tanh"),
    "softmax gates": (lambda: _built(layers.GRU(3, recurrent_activation="softmax")), ValueError,
                      r"the layer's recurrent_activation: activation is 'softmax'"),
    "a function": (lambda: _built(layers.SimpleRNN(3, activation=_square)), ValueError, r"the layer's activation: .*not one that is written"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_from_keras_refuses(case):
    make, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        ur.from_keras(make())


@pytest.mark.parametrize("case", ["not built", "Dense", "mixed precision", "gelu"])
def test_trace_refuses_the_same(case, x):
    make, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        ur.trace(make(), x)


def test_a_cell_that_is_not_written_out(x):
    class Mine(layers.LSTMCell):
        pass

    message = "layer 'own' runs a Mine, but only SimpleRNNCell, LSTMCell and GRUCell are written out here"
    with pytest.raises(TypeError, match=message):
        ur.from_keras(_built(layers.RNN(Mine(3), name="own")))
    with pytest.raises(TypeError, match="runs a Mine, but only SimpleRNNCell, LSTMCell and GRUCell"):
        ur.trace(_built(layers.RNN([Mine(3), layers.GRUCell(3)])), x)


def test_a_model_without_a_recurrent_layer(x):
    with pytest.raises(TypeError, match="model 'flat' has no recurrent layer to trace"):
        ur.trace(keras.Sequential([layers.Dense(2)], name="flat"), x)


def test_states_that_do_not_fit_several_cells(x):
    states = [np.zeros((BATCH, UNITS), "float32")] * 3
    both = layers.Bidirectional(layers.LSTM(UNITS))
    both.build(x.shape)
    with pytest.raises(ValueError, match="initial_state has 3 item"):
        ur.trace(both, x, states)
    with pytest.raises(ValueError, match="initial_state has 3 item.*stacks 2 cells"):
        ur.trace(_built(layers.RNN([layers.GRUCell(UNITS), layers.GRUCell(UNITS)])), x, states)
    with pytest.raises(ValueError, match="initial_state was given for a whole model"):
        ur.trace(keras.Sequential([layers.GRU(UNITS)]), x, states)


@pytest.mark.parametrize("thing", [None, np.ones((2, 8)), "LSTM"])
def test_to_keras_takes_a_cell(thing):
    with pytest.raises(TypeError, match=f"cell is a {type(thing).__name__}, but to_keras takes a SimpleRNNCell, LSTMCell or GRUCell"):
        ur.to_keras(thing)
