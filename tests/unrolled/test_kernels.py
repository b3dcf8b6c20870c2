"""`explain_kernel` against Keras: told that there is a GPU, does a layer reach for the cuDNN kernel?"""

import importlib
import itertools
from unittest import mock

import numpy as np
import pytest

import unrolled as ur

keras = pytest.importorskip("keras")
layers = keras.layers

X = np.zeros((2, 5, 3), "float32")
MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
SETTINGS = {"use_cudnn": ["auto", False], "recurrent_dropout": [0.0, 0.2], "activation": ["tanh", "relu"],
            "recurrent_activation": ["sigmoid", "hard_sigmoid"], "unroll": [False, True], "use_bias": [True, False]}


def reaches_cudnn(layer, **call) -> bool:
    """Whether Keras would run a layer on cuDNN if it had a GPU; the kernel itself is refused, so the loop runs."""
    backend = importlib.import_module("keras.src.backend.tensorflow.rnn")
    reached = []

    def refuse(*_, **__):
        reached.append(True)
        raise NotImplementedError

    with mock.patch.multiple(backend, _is_gpu_available=lambda: True, _cudnn_lstm=refuse, _cudnn_gru=refuse):
        layer(X, **call)
    return bool(reached)


def variations(kind):
    """Each setting alone, and each pair of settings."""
    names = list(SETTINGS) + (["reset_after"] if kind == "GRU" else [])
    other = {**{name: values[1] for name, values in SETTINGS.items()}, "reset_after": False}
    for number in range(3):
        for chosen in itertools.combinations(names, number):
            yield {name: other[name] for name in chosen}


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_it_says_what_keras_does(kind):
    for options in variations(kind):
        layer = getattr(layers, kind)(4, **options)
        said = ur.explain_kernel(layer, gpu=True)
        assert (said == "cuDNN") == reaches_cudnn(layer), f"{kind} {options}: {said}"
        assert (ur.explain_kernel(layer, MASK, gpu=True) == "cuDNN") == reaches_cudnn(layer, mask=MASK), f"{kind} {options}"


@pytest.mark.parametrize("kind, options, reason", [
    ("LSTM", {"use_cudnn": False, "unroll": True}, "use_cudnn=False"),
    ("LSTM", {"recurrent_dropout": 0.25}, "recurrent_dropout=0.25; cuDNN has none between timesteps"),
    ("GRU", {"activation": "relu"}, "activation='relu'; cuDNN computes 'tanh' only"),
    ("GRU", {"recurrent_activation": "hard_sigmoid"}, "recurrent_activation='hard_sigmoid'; cuDNN computes 'sigmoid' only"),
    ("LSTM", {"unroll": True}, "unroll=True"),
    ("LSTM", {"use_bias": False}, "use_bias=False"),
    ("GRU", {"reset_after": False}, "reset_after=False; cuDNN resets after the product"),
])
def test_the_first_reason(kind, options, reason):
    layer = getattr(layers, kind)(4, **options)
    assert ur.explain_kernel(layer, gpu=True) == ur.explain_kernel(layer, gpu=False) == reason
    assert ur.explain_kernel(layers.Bidirectional(layer), gpu=True) == reason


@pytest.mark.parametrize("layer", [layers.SimpleRNN(4), layers.RNN(layers.LSTMCell(4)), layers.ConvLSTM1D(4, 3)])
def test_layers_that_never_do(layer):
    assert ur.explain_kernel(layer, gpu=True) == f"{type(layer).__name__} has no cuDNN kernel in Keras; LSTM and GRU have"


def test_without_a_gpu():
    assert ur.explain_kernel(layers.LSTM(4), gpu=False) == "no GPU that tensorflow can see"


def test_other_backends():
    with mock.patch.object(keras.backend, "backend", lambda: "numpy"):
        assert ur.explain_kernel(layers.LSTM(4), gpu=True) == "Keras's numpy backend has no cuDNN kernel"
    with mock.patch.object(keras.backend, "backend", lambda: "jax"):
        assert ur.explain_kernel(layers.GRU(4), gpu=True) == "Keras's jax backend has a cuDNN kernel for LSTM only"
        assert ur.explain_kernel(layers.LSTM(4), gpu=True) == "cuDNN"
        assert ur.explain_kernel(layers.LSTM(4), MASK, gpu=True) == "a mask; Keras's jax backend runs every masked call in the loop"


@pytest.mark.parametrize("mask, message", [
    ([[0, 1, 1], [1, 1, 1]], "mask has padding before a valid step"),
    ([[1, 0, 1], [1, 1, 1]], "mask has padding before a valid step"),
    ([[1, 1, 1], [0, 0, 0]], "mask has no valid step in sequence 1"),
    ([1, 1, 1], r"mask has shape \(3,\), but a layer's mask is \(batch, timesteps\)"),
])
def test_masks_with_which_cudnn_fails(mask, message):
    with pytest.raises(ValueError, match=message):
        ur.explain_kernel(layers.LSTM(4), np.array(mask, bool), gpu=True)


@pytest.mark.parametrize("mask, refused", [(MASK, False), (MASK[:, ::-1], True), ([[1, 0, 1, 1, 1]] * 2, True), (np.zeros((2, 5)), True)])
def test_kerass_own_check_refuses_the_same_masks(mask, refused):
    backend = importlib.import_module("keras.src.backend.tensorflow.rnn")
    tensorflow = pytest.importorskip("tensorflow")
    mask = np.array(mask, bool)
    if refused:
        with pytest.raises(tensorflow.errors.InvalidArgumentError, match="does not correspond to right-padded sequences"):
            backend._assert_valid_mask(tensorflow.constant(mask))
        with pytest.raises(ValueError, match="chooses cuDNN, which then fails"):
            ur.explain_kernel(layers.LSTM(4), mask, gpu=True)
    else:
        backend._assert_valid_mask(tensorflow.constant(mask))
        assert ur.explain_kernel(layers.LSTM(4), mask, gpu=True) == "cuDNN"


def test_no_recurrent_layer():
    with pytest.raises(TypeError, match="layer is a Dense, but explain_kernel takes a recurrent layer"):
        ur.explain_kernel(layers.Dense(4))
