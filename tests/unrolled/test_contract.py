"""What ``returns`` and ``count_params`` promise is what live layers do."""

import itertools

import numpy as np
import pytest

import unrolled as ur

keras = pytest.importorskip("keras")
layers = keras.layers

FLAGS = list(itertools.product([False, True], repeat=2))
SHAPE = (2, 6, 3)


def _shapes(result):
    """The shapes of a call's result, with lists kept as they come."""
    if isinstance(result, (list, tuple)):
        return tuple(_shapes(r) for r in result)
    return tuple(result.shape)


def _kept(layer, shape=SHAPE):
    """``returns`` against the live layer: the same shapes, in the same order."""
    promised = tuple(ur.returns(layer, shape).values())
    assert not layer.built
    result = layer(np.zeros(shape, "float32"))
    assert isinstance(result, (list, tuple)) == (len(promised) > 1)
    assert _shapes(result) == (promised if len(promised) > 1 else promised[0])


@pytest.mark.parametrize("return_sequences, return_state", FLAGS)
@pytest.mark.parametrize("make, states", [(layers.SimpleRNN, ["hidden"]), (layers.GRU, ["hidden"]), (layers.LSTM, ["hidden", "cell"])])
def test_returns(make, states, return_sequences, return_state):
    layer = make(4, return_sequences=return_sequences, return_state=return_state)
    assert list(ur.returns(layer)) == ["output", *(states if return_state else [])]
    _kept(layer)


def test_open_sizes_stay_open():
    layer = layers.LSTM(4, return_sequences=True, return_state=True)
    assert ur.returns(layer) == {"output": (None, None, 4), "hidden": (None, 4), "cell": (None, 4)}
    assert ur.returns(layer, [7, None, 2])["output"] == (7, None, 4)


@pytest.mark.parametrize("return_sequences, return_state", FLAGS)
@pytest.mark.parametrize("merge_mode", ["concat", "sum", None])
@pytest.mark.parametrize("make", [layers.LSTM, layers.GRU])
def test_returns_of_bidirectional(make, merge_mode, return_sequences, return_state):
    _kept(layers.Bidirectional(make(4, return_sequences=return_sequences, return_state=return_state), merge_mode=merge_mode))


@pytest.mark.parametrize("return_sequences, return_state", FLAGS)
def test_returns_of_rnn(return_sequences, return_state):
    options = {"return_sequences": return_sequences, "return_state": return_state}
    for cell in (layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell):
        _kept(layers.RNN(cell(4), **options))
    promised = ur.returns(layers.RNN([layers.LSTMCell(4), layers.GRUCell(5)], **options), SHAPE)
    live = layers.RNN([layers.LSTMCell(4), layers.GRUCell(5)], **options)(np.zeros(SHAPE, "float32"))
    output, *states = live if return_state else [live]
    assert promised["output"] == tuple(output.shape)
    assert [promised[f"states_{k}"] for k in range(1, len(states) + 1)] == list(_shapes(states))
    assert len(promised) == 1 + len(states)


@pytest.mark.parametrize("return_sequences, return_state", FLAGS)
@pytest.mark.parametrize("settings", [{}, {"padding": "same"}, {"strides": 2}, {"dilation_rate": 2}])
def test_returns_of_conv_lstm(settings, return_sequences, return_state):
    options = {"return_sequences": return_sequences, "return_state": return_state, **settings}
    _kept(layers.ConvLSTM1D(5, 3, **options), (2, 4, 9, 3))
    if not settings:
        _kept(layers.ConvLSTM2D(5, (3, 2), **options), (2, 4, 8, 9, 3))


@pytest.mark.parametrize("return_sequences", [False, True])
def test_returns_of_time_distributed(return_sequences):
    _kept(layers.TimeDistributed(layers.GRU(4, return_sequences=return_sequences)), (2, 3, 6, 5))


def test_returns_refuses_what_keras_gets_wrong():
    with pytest.raises(ValueError, match="TimeDistributed around a layer with return_state=True"):
        ur.returns(layers.TimeDistributed(layers.LSTM(4, return_state=True)), (2, 3, 6, 5))


def test_returns_takes_a_recurrent_layer():
    with pytest.raises(TypeError, match="layer is a Dense, but returns takes a recurrent layer"):
        ur.returns(layers.Dense(3))
    with pytest.raises(TypeError, match="layer is a str, but"):
        ur.returns("LSTM")


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5), ()])
def test_returns_takes_three_sizes(shape):
    with pytest.raises(ValueError, match=r"input_shape is \(.*\), but .*\(batch, timesteps, features\)"):
        ur.returns(layers.LSTM(4), shape)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("kind, options", [("SimpleRNN", {}), ("LSTM", {}), ("GRU", {"reset_after": True}), ("GRU", {"reset_after": False})])
@pytest.mark.parametrize("features, units", [(10, 15), (1, 1), (7, 3)])
def test_count_params(kind, options, use_bias, features, units):
    layer = getattr(layers, kind)(units, use_bias=use_bias, **options)
    layer.build((None, None, features))
    count = ur.count_params(kind, features=features, units=units, use_bias=use_bias, **options)
    assert count.layer == count.total == layer.count_params()
    sizes = [w.size for w in layer.get_weights()]
    assert [count.input_to_hidden, count.hidden_to_hidden, count.biases] == (sizes if use_bias else [*sizes, 0])


@pytest.mark.parametrize("use_bias", [True, False])
def test_count_params_with_a_dense_layer_on_top(use_bias):
    model = keras.Sequential([layers.Input((20, 10)), layers.LSTM(15, use_bias=use_bias), layers.Dense(3, use_bias=use_bias)])
    count = ur.count_params("LSTM", features=10, units=15, classes=3, use_bias=use_bias)
    assert count.total == model.count_params()
    assert count.hidden_to_output + count.output_biases == model.layers[-1].count_params()


def test_the_notes_numbers():
    """T = 20, D = 10, M = 15, K = 3, as the notes count them: without biases."""
    recurrent = ur.count_params("SimpleRNN", features=10, units=15, classes=3, use_bias=False)
    assert (recurrent.input_to_hidden, recurrent.hidden_to_hidden, recurrent.hidden_to_output) == (150, 225, 45)
    forward = ur.count_feedforward_params(timesteps=20, features=10, units=15, classes=3, use_bias=False)
    assert (forward.input_to_hidden, forward.hidden_to_output, forward.total) == (60_000, 18_000, 78_000)


@pytest.mark.parametrize("use_bias", [True, False])
def test_count_feedforward_params(use_bias):
    model = keras.Sequential([layers.Input((5, 4)), layers.Flatten(), layers.Dense(5 * 3, use_bias=use_bias),
                              layers.Dense(5 * 2, use_bias=use_bias)])
    count = ur.count_feedforward_params(timesteps=5, features=4, units=3, classes=2, use_bias=use_bias)
    assert count.total == model.count_params()
    assert count.layer == model.layers[1].count_params()


@pytest.mark.parametrize("size", [0, -1, 1.5, "3", True, None])
@pytest.mark.parametrize("name", ["features", "units"])
def test_sizes_are_positive_whole_numbers(name, size):
    with pytest.raises(ValueError, match=f"{name} is {size!r}, but it must be a whole number of at least 1"):
        ur.count_params("LSTM", **({"features": 2, "units": 3} | {name: size}))


def test_other_bad_counts():
    with pytest.raises(ValueError, match="kind is 'RNN', but there are only SimpleRNN, GRU, LSTM"):
        ur.count_params("RNN", features=1, units=1)
    with pytest.raises(ValueError, match="classes is -1, but it must be a whole number of at least 0"):
        ur.count_params("GRU", features=1, units=1, classes=-1)
    with pytest.raises(ValueError, match="timesteps is 0, but it must be a whole number of at least 1"):
        ur.count_feedforward_params(timesteps=0, features=1, units=1, classes=1)
