"""Cells are frozen values, and each activation is Keras's."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, strategies as st

import unrolled as ur
from unrolled.activations import ACTIVATIONS, activation


def test_a_cell_knows_its_sizes(kind, draw, rng):
    cell = draw.cell(kind, rng, features=5, units=2, dtype="float32")
    assert (cell.features, cell.units, cell.dtype) == (5, 2, np.float32)
    assert cell.kind == kind.split()[0]
    assert repr(cell) == f"{cell.kind}Cell(features=5, units=2, dtype=float32)"


def test_a_cell_is_a_value(kind, draw, rng):
    cell = draw.cell(kind, rng)
    with pytest.raises(dataclasses.FrozenInstanceError):
        cell.kernel = cell.kernel
    with pytest.raises(ValueError, match="read-only"):
        cell.kernel[0, 0] = 1


def test_a_cell_copies_its_weights():
    kernel = np.ones((2, 3))
    cell = ur.SimpleRNNCell(kernel, np.ones((3, 3)))
    kernel[:] = 5
    assert (cell.kernel == 1).all()
    assert kernel.flags.writeable


def test_a_list_of_floats_is_a_weight():
    assert ur.SimpleRNNCell([[1.0]], [[0.5]]).dtype == np.float64


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "linear"])
def test_step_takes_its_activation_by_name(name):
    cell = ur.SimpleRNNCell(np.eye(2), np.eye(2), activation=name)
    x, h = np.array([[-3.0, 0.5]]), np.array([[1.0, 2.0]])
    expected = {"tanh": np.tanh, "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
                "relu": lambda v: v * (v > 0), "linear": lambda v: v}[name](x + h)
    np.testing.assert_allclose(cell.step(x, h).hidden, expected, atol=1e-15)


# What f = 1, i = 0 and z = 1 mean. A bias of +-50 pins a sigmoid to exactly 0 or 1 in float64.

def _pinned(cell, **pins):
    """The cell with the biases of some blocks pinned, and nothing else going into those blocks."""
    weights = [np.array(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias)]
    for block, value in pins.items():
        k = {"input": 0, "forget": 1, "update": 0, "reset": 1}[block]
        columns = slice(k * cell.units, (k + 1) * cell.units)
        for weight in weights:
            weight[..., columns] = 0
        weights[2][..., columns] = value
    return dataclasses.replace(cell, kernel=weights[0], recurrent_kernel=weights[1], bias=weights[2])


@given(seed=st.integers(0, 10**6))
def test_an_lstm_with_forget_1_and_input_0_keeps_its_cell(draw, seed):
    rng = np.random.default_rng(seed)
    cell = _pinned(draw.cell("LSTM", rng), forget=50, input=-1000)
    h, c = draw.states(cell, rng, 5)
    trace = ur.unroll(cell, rng.normal(size=(5, 6, 3)), (h, c))
    assert np.array_equal(trace.cell, np.repeat(c[:, None], 6, axis=1))
    assert np.array_equal(cell.step(trace.x[:, 0], h, c).cell, c)


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["GRU", "GRU reset before"]))
def test_a_gru_with_update_1_keeps_its_state(draw, seed, kind):
    rng = np.random.default_rng(seed)
    cell = _pinned(draw.cell(kind, rng), update=50)
    h = draw.states(cell, rng, 5)
    trace = ur.unroll(cell, rng.normal(size=(5, 6, 3)), h)
    np.testing.assert_allclose(trace.hidden, np.repeat(h[:, None], 6, axis=1), rtol=0, atol=1e-15)
    assert np.array_equal(cell.step(trace.x[:, 0], h).hidden, h)


def test_a_gru_with_update_0_and_reset_0_forgets(draw, rng):
    cell = _pinned(draw.cell("GRU", rng), update=-1000, reset=-1000)
    x = rng.normal(size=(4, 1, 3))
    one, other = (ur.unroll(cell, x, draw.states(cell, rng, 4)) for _ in range(2))
    np.testing.assert_allclose(one.hidden, other.hidden, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_are_kerass(name):
    keras = pytest.importorskip("keras")
    x = np.linspace(-12, 12, 97)
    theirs = keras.ops.convert_to_numpy(keras.activations.get(name)(keras.ops.convert_to_tensor(x, "float64")))
    rtol = 2e-8 if name == "leaky_relu" else 1e-13  # TensorFlow holds its slope in float32, whatever x is
    np.testing.assert_allclose(activation(name)(x), theirs, rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_keep_the_dtype(name, dtype):
    assert activation(name)(np.linspace(-2, 2, 5, dtype=dtype)).dtype == dtype


def test_sigmoid_reaches_0_and_1_without_a_warning():
    with np.errstate(over="raise", invalid="raise"):
        np.testing.assert_allclose(activation("sigmoid")(np.array([-1e4, 0, 1e4])), [0, 0.5, 1])
