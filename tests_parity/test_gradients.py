"""Backpropagation through time against ``jax.grad``: of the equations in JAX (float64), and of Keras's layers on JAX (float32).

Keras computes in at most 32 bits on JAX, whatever the layer's dtype says.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import unrolled as ur
from parity_cases import BLOCKS, weight

KINDS = {"SimpleRNN": {}, "LSTM": {}, "GRU": {"reset_after": True}, "GRU reset before": {"reset_after": False}}


def next_states(kind, x, states, W, U, b):
    """One step of each layer, as its paper has it, in Keras's order of blocks."""
    h, s = states[0], jax.nn.sigmoid
    if kind == "SimpleRNN":
        return [jnp.tanh(x @ W + h @ U + b)]
    if kind == "LSTM":
        i, f, g, o = jnp.split(x @ W + h @ U + b, 4, axis=-1)
        c = s(f) * states[1] + s(i) * jnp.tanh(g)
        return [s(o) * jnp.tanh(c), c]
    if kind == "GRU":
        (xz, xr, xh), (hz, hr, hh) = jnp.split(x @ W + b[0], 3, axis=-1), jnp.split(h @ U + b[1], 3, axis=-1)
        z, candidate = s(xz + hz), jnp.tanh(xh + s(xr + hr) * hh)
    else:
        (xz, xr, xh), (Uz, Ur, Uh) = jnp.split(x @ W + b, 3, axis=-1), jnp.split(U, 3, axis=-1)
        z, candidate = s(xz + h @ Uz), jnp.tanh(xh + (s(xr + h @ Ur) * h) @ Uh)
    return [z * h + (1 - z) * candidate]


def run(kind, x, states, weights, mask):
    """The hidden state after each step, and the last states."""
    hidden = []
    for t in range(x.shape[1]):
        new = next_states(kind, x[:, t], states, *weights)
        states = [jnp.where(mask[:, t, None], n, old) for n, old in zip(new, states)]
        hidden.append(states[0])
    return [jnp.stack(hidden, axis=1), *states]


def configuration(kind, seed, dtype):
    """A cell, an input, initial states, a mask, and random gradients of the hidden sequence and the last states."""
    rng = np.random.default_rng(seed)
    batch, timesteps, features, units = (int(n) for n in rng.choice(np.arange(2, 9), 4, replace=False))
    name, columns = kind.split()[0], BLOCKS[kind.split()[0]] * units
    bias = weight(rng, 2, columns) if kind == "GRU" else weight(rng, columns)
    weights = [weight(rng, features, columns), weight(rng, units, columns), bias]
    cell = getattr(ur, f"{name}Cell")(*(w.astype(dtype) for w in weights), **KINDS[kind])
    states = [weight(rng, batch, units).astype(dtype) for _ in range(2 if kind == "LSTM" else 1)]
    mask = rng.random((batch, timesteps)) < (0.6 if seed % 2 else 1)
    read = [rng.normal(size=(batch, timesteps, units)), *(rng.normal(size=s.shape) for s in states)]
    return cell, rng.normal(size=(batch, timesteps, features)).astype(dtype), states, mask, read


def compare(trace, name_of_sequence, read, theirs, tolerance):
    ours = ur.backpropagate(trace, **dict(zip((name_of_sequence, "final_hidden", "final_cell"), read)))
    names = ["x", "initial_hidden", "initial_cell"][: len(read)] + ["kernel", "recurrent_kernel", "bias"]
    for name, expected in zip(names, map(np.asarray, theirs), strict=True):
        assert expected.dtype == trace.hidden.dtype
        atol = tolerance * np.abs(expected).max()
        np.testing.assert_allclose(getattr(ours, name), expected, rtol=tolerance, atol=atol, err_msg=name)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_equations(kind, seed):
    cell, x, states, mask, read = configuration(kind, seed, "float64")

    def loss(x, states, weights):
        return sum((value * g).sum() for value, g in zip(run(kind, x, states, weights, mask), read))

    weights = [jnp.asarray(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias)]
    dx, dstates, dweights = jax.grad(loss, (0, 1, 2))(jnp.asarray(x), [jnp.asarray(s) for s in states], weights)
    trace = ur.unroll(cell, x, states, mask)
    np.testing.assert_allclose(trace.hidden, run(kind, x, states, weights, mask)[0], rtol=1e-12, atol=1e-14)
    compare(trace, "hidden", read, [dx, *dstates, *dweights], 1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_kerass_layers(kind, seed):
    cell, x, states, mask, read = configuration(kind, seed, "float32")
    mask[:, 0] = True  # before its first valid step a layer outputs zeros on TensorFlow, and its initial state on JAX
    layer = ur.to_keras(cell, return_sequences=True, return_state=True)
    fixed = [v.value for v in layer.non_trainable_variables]

    def loss(x, states, weights):
        returned, _ = layer.stateless_call(weights, fixed, x, initial_state=states, mask=mask)
        return sum((value * g.astype("float32")).sum() for value, g in zip(returned, read))

    weights = [v.value for v in layer.trainable_variables]
    dx, dstates, dweights = jax.grad(loss, (0, 1, 2))(jnp.asarray(x), [jnp.asarray(s) for s in states], weights)
    compare(ur.trace(layer, x, states, mask), "output", read, [dx, *dstates, *dweights], 2e-5)
