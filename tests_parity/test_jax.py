"""Flax's cells on the converted parameters, against `unroll` and against Keras's layers."""

import flax.linen as nn
import jax
import keras
import numpy as np
import pytest

import unrolled as ur
from parity_cases import random_stack, weight
from unrolled import layouts

CELLS = {"SimpleRNN": [nn.SimpleCell], "LSTM": [nn.LSTMCell, nn.OptimizedLSTMCell], "GRU": [nn.GRUCell]}
CASES = [(kind, make) for kind, makes in CELLS.items() for make in makes]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def run_flax(make, parameters, x, states, dtype):
    """A cell over time, by hand: its hidden states."""
    cell = make(states[0].shape[-1], param_dtype=dtype, dtype=dtype)
    carry = tuple(states[::-1]) if len(states) == 2 else states[0]  # flax: (c, h)
    hidden = []
    for t in range(x.shape[1]):
        carry, h = cell.apply({"params": parameters}, carry, x[:, t])
        hidden.append(np.asarray(h))
    return np.stack(hidden, axis=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind, make", CASES)
def test_flax_computes_the_same(kind, make, seed, dtype):
    rng = np.random.default_rng(seed)
    batch, timesteps, features, units = (int(n) for n in rng.choice(np.arange(2, 9), 4, replace=False))
    (cell,) = random_stack(kind, 1, 1, features, units, dtype, rng)
    x = rng.normal(size=(batch, timesteps, features)).astype(dtype)
    states = [weight(rng, batch, units).astype(dtype) for _ in range(2 if kind == "LSTM" else 1)]
    (parameters,) = layouts.to_jax(cell)
    expected = run_flax(make, parameters, x, states, dtype)
    assert expected.dtype == dtype
    np.testing.assert_allclose(ur.unroll(cell, x, tuple(states)).hidden, expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("kind, make", CASES)
def test_a_cell_that_flax_made(kind, make):
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    cell = make(4, bias_init=nn.initializers.normal())
    carry = cell.initialize_carry(jax.random.key(0), x[:, 0].shape)
    parameters = cell.init(jax.random.key(1), carry, x[:, 0])
    (found,) = layouts.from_jax(parameters)
    states = [np.zeros((2, 4), "float32")] * (2 if kind == "LSTM" else 1)
    expected = run_flax(make, parameters["params"], x, states, "float32")
    np.testing.assert_allclose(ur.unroll(found, x).hidden, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", CELLS)
def test_a_layer_of_keras_and_flaxs_cell(kind):
    rng = np.random.default_rng(0)
    layer = getattr(keras.layers, kind)(5, return_sequences=True)
    layer.build((None, None, 3))
    layer.set_weights([weight(rng, *w.shape) if "float" in str(w.dtype) else w for w in layer.get_weights()])
    x = rng.normal(size=(2, 7, 3)).astype("float32")
    (parameters,) = layouts.to_jax(ur.from_keras(layer))
    states = [np.zeros((2, 5), "float32")] * (2 if kind == "LSTM" else 1)
    found = run_flax(CELLS[kind][0], parameters, x, states, "float32")
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(layer(x)), rtol=0, atol=1e-5)
