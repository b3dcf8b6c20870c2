"""Bad input: each message names the argument, what came, and what was expected."""

import re

import numpy as np
import pytest

import unrolled as ur

CELL = ur.LSTMCell(np.ones((2, 12)), np.ones((3, 12)), np.ones(12))
GRU = ur.GRUCell(np.ones((2, 9)), np.ones((3, 9)), np.ones((2, 9)))
X = np.ones((4, 5, 2))


def _state(*shape):
    return np.zeros(shape)


UNROLL = {
    "rank 2": (lambda: ur.unroll(CELL, X[0]), ValueError,
               "x has shape (5, 2), but unroll takes (batch, timesteps, features); for one sequence use x[None]"),
    "rank 4": (lambda: ur.unroll(CELL, X[None]), ValueError,
               "x has shape (1, 4, 5, 2), but unroll takes (batch, timesteps, features)"),
    "rank 0": (lambda: ur.unroll(CELL, 1.0), ValueError, "x has shape (), but unroll takes (batch, timesteps, features)"),
    "features": (lambda: ur.unroll(CELL, np.ones((4, 5, 3))), ValueError,
                 "x has 3 features in its last axis, but the kernel takes 2: kernel.shape == (2, 12)"),
    "no features": (lambda: ur.unroll(CELL, np.ones((4, 5, 0))), ValueError,
                    "x has 0 features in its last axis, but the kernel takes 2"),
    "empty batch": (lambda: ur.unroll(CELL, X[:0]), ValueError, "x has shape (0, 5, 2): an empty batch"),
    "no timesteps": (lambda: ur.unroll(CELL, X[:, :0]), ValueError, "x has shape (4, 0, 2): no timesteps"),
    "words": (lambda: ur.unroll(CELL, [[["quick", "fox"]]]), TypeError, "x has dtype <U5, but unroll takes numbers"),
    "complex": (lambda: ur.unroll(CELL, X * 1j), TypeError, "x has dtype complex128, but unroll takes numbers"),
    "no cell": (lambda: ur.unroll(np.ones((2, 12)), X), TypeError,
                "cell is a ndarray, but unroll takes a SimpleRNNCell, LSTMCell or GRUCell"),
    "one state for an LSTM": (lambda: ur.unroll(CELL, X, _state(4, 3)), ValueError,
                              "initial_state has 1 item(s), but a LSTM takes 2: hidden, cell, each of shape (4, 3)"),
    "two states for a GRU": (lambda: ur.unroll(GRU, X, [_state(4, 3)] * 2), ValueError,
                             "initial_state has 2 item(s), but a GRU takes 1: hidden, each of shape (4, 3)"),
    "state of another batch": (lambda: ur.unroll(GRU, X, _state(1, 3)), ValueError,
                               "initial_state's hidden has shape (1, 3), but expected (4, 3), which is (batch, units)"),
    "state of other units": (lambda: ur.unroll(GRU, X, _state(4, 2)), ValueError,
                             "initial_state's hidden has shape (4, 2), but expected (4, 3)"),
    "state without a batch": (lambda: ur.unroll(GRU, X, _state(3)), ValueError,
                              "initial_state's hidden has shape (3,), but expected (4, 3)"),
    "wrong cell state": (lambda: ur.unroll(CELL, X, (_state(4, 3), _state(4, 4))), ValueError,
                         "initial_state's cell has shape (4, 4), but expected (4, 3)"),
    "mask of another length": (lambda: ur.unroll(CELL, X, mask=np.ones((4, 6))), ValueError,
                               "mask has shape (4, 6), but x has batch 4 and 5 timesteps, so mask must be (4, 5)"),
    "mask of another batch": (lambda: ur.unroll(CELL, X, mask=np.ones((1, 5))), ValueError, "mask has shape (1, 5)"),
    "mask of one sequence": (lambda: ur.unroll(CELL, X, mask=np.ones(5)), ValueError, "mask has shape (5,)"),
    "mask like x": (lambda: ur.unroll(CELL, X, mask=np.ones((4, 5, 2))), ValueError, "mask has shape (4, 5, 2)"),
}

K, R = np.ones((2, 12)), np.ones((3, 12))
CELLS = {
    "kernel": (lambda: ur.LSTMCell(np.ones((2, 9)), R), ValueError,
               "kernel has shape (2, 9), but recurrent_kernel has 3 units, so kernel must be (features, 12)"),
    "kernel of rank 1": (lambda: ur.LSTMCell(np.ones(12), R), ValueError, "kernel has shape (12,)"),
    "recurrent kernel": (lambda: ur.LSTMCell(K, np.ones((3, 9))), ValueError,
                         "recurrent_kernel has shape (3, 9), but a LSTM takes (units, 4 * units)"),
    "recurrent kernel of SimpleRNN": (lambda: ur.SimpleRNNCell(np.ones((2, 3)), np.ones((3, 4))), ValueError,
                                      "recurrent_kernel has shape (3, 4), but a SimpleRNN takes (units, units)"),
    "recurrent kernel of rank 1": (lambda: ur.GRUCell(K, np.ones(9)), ValueError, "recurrent_kernel has shape (9,)"),
    "no units": (lambda: ur.SimpleRNNCell(np.ones((2, 0)), np.ones((0, 0))), ValueError, "recurrent_kernel has 0 units"),
    "bias": (lambda: ur.LSTMCell(K, R, np.ones(9)), ValueError, "bias has shape (9,), but a LSTM of 3 units takes (12,)"),
    "bias of the other dialect": (lambda: ur.GRUCell(np.ones((2, 9)), np.ones((3, 9)), np.ones(9)), ValueError,
                                  "bias has shape (9,), but a GRU of 3 units with reset_after=True takes (2, 9)"),
    "bias of that dialect": (lambda: ur.GRUCell(np.ones((2, 9)), np.ones((3, 9)), np.ones((2, 9)), reset_after=False), ValueError,
                             "bias has shape (2, 9), but a GRU of 3 units with reset_after=False takes (9,)"),
    "integers": (lambda: ur.LSTMCell(K.astype(int), R), TypeError, "kernel has dtype int64, but a cell takes float32 or float64"),
    "half": (lambda: ur.LSTMCell(K, R.astype("float16")), TypeError, "recurrent_kernel has dtype float16"),
    "two dtypes": (lambda: ur.LSTMCell(K, R, np.ones(12, "float32")), TypeError,
                   "bias is float32, but kernel is float64; all weights of a cell must have the same dtype"),
    "activation": (lambda: ur.LSTMCell(K, R, activation="softmax"), ValueError,
                   "activation is 'softmax', which is not one that is written out here; there are elu, exponential,"),
    "recurrent activation": (lambda: ur.LSTMCell(K, R, recurrent_activation="softmax"), ValueError,
                             "activation is 'softmax', which is not one that is written out here"),
    "a function": (lambda: ur.SimpleRNNCell(np.ones((2, 3)), np.ones((3, 3)), activation=np.tanh), ValueError,
                   "activation is <ufunc 'tanh'>, which is not one that is written out here"),
}


@pytest.mark.parametrize("case", UNROLL)
def test_unroll_refuses(case):
    call, error, message = UNROLL[case]
    with pytest.raises(error, match=re.escape(message)):
        call()


@pytest.mark.parametrize("case", CELLS)
def test_a_cell_refuses(case):
    call, error, message = CELLS[case]
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_what_is_refused_above_is_close_to_what_is_taken():
    ur.unroll(CELL, X, (_state(4, 3), _state(4, 3)), np.ones((4, 5)))
    ur.unroll(GRU, X, _state(4, 3), np.ones((4, 5, 1)))
    ur.unroll(GRU, X.tolist(), [_state(4, 3)])


def test_switches_are_given_by_name():
    """``unroll(cell, x, None, None, True)`` would not say what is True."""
    with pytest.raises(TypeError, match="positional"):
        ur.unroll(CELL, X, None, None, True)
