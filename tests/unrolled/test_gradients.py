"""Backpropagation through time against TensorFlow's tape, against finite differences, and what it refuses.

Sizes differ, nothing is zero, both GRU bias rows are distinct: a transposed product or a lost term shows.
"""

import dataclasses

import numpy as np
import pytest

import unrolled as ur
from unrolled.activations import ACTIVATIONS, activation, derivative

BATCH, TIMESTEPS, FEATURES, UNITS = 2, 6, 3, 4
MASKS = {"none": None,
         "right": [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]],
         "left": [[0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1]],
         "holes": [[1, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0]]}
SEQUENCES = ("output", "hidden", "cell")


def loss_gradients(trace, rng):
    """A random gradient for everything that a loss can read."""
    names = [n for n in ("output", "final_output", "hidden", "cell", "final_hidden", "final_cell") if n in trace._names()]
    return {name: rng.normal(size=getattr(trace, name).shape) for name in names}


def loss(trace, gradients):
    """A loss with those gradients."""
    return sum(float((getattr(trace, name) * g).sum()) for name, g in gradients.items())


def taped(layer, cell, x, states, mask, gradients):
    """The gradients that TensorFlow finds, of a loss on what the layer returns, by the names here."""
    import tensorflow as tf

    x, states = tf.constant(x), [tf.constant(s) for s in states]
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        output, *final = layer(x, initial_state=states, mask=None if mask is None else tf.constant(mask))
        read = [output, *final]
        total = sum(tf.reduce_sum(value * g) for value, g in zip(read, gradients))
    names = ["x", "initial_hidden", "initial_cell"][: 1 + len(states)] + ["kernel", "recurrent_kernel", "bias"]
    weights = [w.value for w in layer.trainable_variables]
    found = tape.gradient(total, [x, *states, *weights])
    return dict(zip(names, (g.numpy() for g in found)))


@pytest.mark.parametrize("zeros", [False, True], ids=["repeats", "zeros"])
@pytest.mark.parametrize("mask", MASKS)
def test_gradients_are_tensorflows(kind, mask, zeros, draw, rng):
    cell = draw.cell(kind, rng, FEATURES, UNITS)
    x, states = rng.normal(size=(BATCH, TIMESTEPS, FEATURES)), draw.states(cell, rng, BATCH)
    states = list(states) if isinstance(states, tuple) else [states]
    mask = None if MASKS[mask] is None else np.array(MASKS[mask], bool)
    layer = ur.to_keras(cell, return_sequences=True, return_state=True, zero_output_for_mask=zeros)
    trace = ur.trace(layer, x, states, mask)
    gradients = [rng.normal(size=(BATCH, TIMESTEPS, UNITS)), *(rng.normal(size=(BATCH, UNITS)) for _ in states)]

    ours = ur.backpropagate(trace, **dict(zip(("output", "final_hidden", "final_cell"), gradients)))
    for name, theirs in taped(layer, cell, x, states, mask, gradients).items():
        np.testing.assert_allclose(getattr(ours, name), theirs, rtol=1e-9, atol=1e-9 * np.abs(theirs).max(), err_msg=name)


@pytest.mark.parametrize("mask", MASKS)
def test_gradients_are_finite_differences(kind, mask, draw, rng):
    cell = draw.cell(kind, rng, FEATURES, UNITS)
    states = draw.states(cell, rng, BATCH)
    inputs = {"x": rng.normal(size=(BATCH, TIMESTEPS, FEATURES)), "initial_hidden": states}
    if kind == "LSTM":
        inputs["initial_hidden"], inputs["initial_cell"] = states
    inputs |= {name: np.array(getattr(cell, name)) for name in ("kernel", "recurrent_kernel", "bias")}
    mask = None if MASKS[mask] is None else np.array(MASKS[mask], bool)

    def run(**changed):
        given = {**inputs, **changed}
        weights = {name: given[name] for name in ("kernel", "recurrent_kernel", "bias")}
        initial = tuple(given[name] for name in ("initial_hidden", "initial_cell") if name in given)
        return ur.unroll(dataclasses.replace(cell, **weights), given["x"], initial, mask, go_backwards=True)

    trace = run()
    gradients = loss_gradients(trace, rng)
    ours = ur.backpropagate(trace, **gradients)
    for name, value in inputs.items():
        direction = rng.normal(size=value.shape)
        up, down = (loss(run(**{name: value + step * direction}), gradients) for step in (1e-6, -1e-6))
        along = getattr(ours, name)[:, ::-1] if name == "x" else getattr(ours, name)  # x in the order of processing
        assert (along * direction).sum() == pytest.approx((up - down) / 2e-6, rel=1e-6, abs=1e-7), name


def test_each_states_gradient_is_that_of_starting_there(kind, draw, rng):
    cell, x = draw.cell(kind, rng, FEATURES, UNITS), rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    trace = ur.unroll(cell, x, draw.states(cell, rng, BATCH))
    gradient = rng.normal(size=(BATCH, UNITS))
    whole = ur.backpropagate(trace, final_hidden=gradient)
    for t in range(TIMESTEPS - 1):
        start = (trace.hidden[:, t], trace.cell[:, t]) if kind == "LSTM" else trace.hidden[:, t]
        rest = ur.backpropagate(ur.unroll(cell, x[:, t + 1:], start), final_hidden=gradient)
        np.testing.assert_allclose(whole.hidden[:, t], rest.initial_hidden, rtol=1e-12)
        if kind == "LSTM":
            np.testing.assert_allclose(whole.cell[:, t], rest.initial_cell, rtol=1e-12)


def test_sum_over_batch_is_the_batchs(kind, draw, rng):
    cell, x = draw.cell(kind, rng, FEATURES, UNITS), rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    gradient = rng.normal(size=(BATCH, TIMESTEPS, UNITS))
    both = ur.backpropagate(ur.unroll(cell, x), output=gradient)
    each = [ur.backpropagate(ur.unroll(cell, x[i:i + 1]), output=gradient[i:i + 1]) for i in range(BATCH)]
    np.testing.assert_allclose(both.recurrent_kernel, sum(g.recurrent_kernel for g in each), rtol=1e-12)


def test_a_masked_step_gets_nothing_even_where_x_is_nan(kind, draw, rng):
    cell, x = draw.cell(kind, rng, FEATURES, UNITS), rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    mask = np.array(MASKS["right"], bool)
    clean = ur.backpropagate(ur.unroll(cell, x, mask=mask), final_output=np.ones((BATCH, UNITS)))
    x[~mask] = np.nan
    found = ur.backpropagate(ur.unroll(cell, x, mask=mask), final_output=np.ones((BATCH, UNITS)))
    assert not found.x[~mask].any() and not found.pre_activation[~mask].any()
    np.testing.assert_array_equal(found.kernel, clean.kernel)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_shapes(kind, dtype, draw, rng):
    cell = draw.cell(kind, rng, FEATURES, UNITS, dtype=dtype)
    found = ur.backpropagate(ur.unroll(cell, rng.normal(size=(BATCH, TIMESTEPS, FEATURES))), final_hidden=np.ones((BATCH, UNITS)))
    for name in ("kernel", "recurrent_kernel", "bias"):
        assert getattr(found, name).shape == getattr(cell, name).shape and getattr(found, name).dtype == dtype
    assert {a.dtype.name for a in vars(found).values() if a is not None} == {dtype}
    assert (found.cell is None) == (found.initial_cell is None) == (kind != "LSTM")


def test_no_bias(kind, draw, rng):
    cell = draw.cell(kind, rng, use_bias=False)
    assert ur.backpropagate(ur.unroll(cell, rng.normal(size=(2, 5, 3))), final_hidden=np.ones((2, 4))).bias is None


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_derivatives_are_slopes(name, rng):
    a = rng.uniform(-4, 7, 500)
    a = a[np.abs(a - np.round(a)) > 1e-3]  # kinks are at whole numbers
    function = activation(name)
    np.testing.assert_allclose(derivative(name)(a, function(a)), (function(a + 1e-6) - function(a - 1e-6)) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("names", [("relu", "hard_sigmoid"), ("softsign", "sigmoid"), ("elu", "tanh")])
def test_other_activations(kind, names, draw, rng):
    cell = draw.cell(kind, rng, FEATURES, UNITS, activation=names[0], recurrent_activation=names[1])
    x, layer = rng.normal(size=(BATCH, TIMESTEPS, FEATURES)), ur.to_keras(cell, return_sequences=True, return_state=True)
    states = draw.states(cell, rng, BATCH)
    states = list(states) if isinstance(states, tuple) else [states]
    gradients = [rng.normal(size=(BATCH, TIMESTEPS, UNITS)), *(rng.normal(size=(BATCH, UNITS)) for _ in states)]
    ours = ur.backpropagate(ur.trace(layer, x, states), **dict(zip(("output", "final_hidden", "final_cell"), gradients)))
    for name, theirs in taped(layer, cell, x, states, None, gradients).items():
        np.testing.assert_allclose(getattr(ours, name), theirs, rtol=1e-9, atol=1e-9 * np.abs(theirs).max(), err_msg=name)


@pytest.fixture
def trace(draw, rng):
    return ur.unroll(draw.cell("GRU", rng, FEATURES, UNITS), rng.normal(size=(BATCH, TIMESTEPS, FEATURES)))


@pytest.mark.parametrize("given, message", [
    ({}, "no gradient of the loss was given: pass output, final_output"),
    ({"output": np.ones((2, 4))}, r"output has shape \(2, 4\), but the trace's output has \(2, 6, 4\)"),
    ({"final_hidden": np.ones((2, 6, 4))}, r"final_hidden has shape \(2, 6, 4\), but the trace's final_hidden has \(2, 4\)"),
    ({"final_hidden": np.full((2, 4), np.nan)}, "final_hidden holds NaN or infinity"),
    ({"cell": np.ones((2, 6, 4))}, "cell was given, but a GRU has no cell state"),
    ({"final_cell": np.ones((2, 4))}, "final_cell was given, but a GRU has no cell state"),
])
def test_wrong_loss_gradients(trace, given, message):
    with pytest.raises(ValueError, match=message):
        ur.backpropagate(trace, **given)


@pytest.mark.parametrize("value, name", [(None, "NoneType"), (np.ones((2, 6, 4)), "ndarray")])
def test_a_trace_that_was_not_kept(value, name):
    with pytest.raises(TypeError, match=f"trace is a {name}, but backpropagate takes the trace of one layer"):
        ur.backpropagate(value, final_hidden=np.ones((2, 4)))


def test_nan_in_the_trace(draw, rng):
    x = rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    x[1, 3] = np.nan
    trace = ur.unroll(draw.cell("LSTM", rng, FEATURES, UNITS), x)
    with pytest.raises(ValueError, match="the trace's x holds NaN or infinity at step 3, so it has no gradients"):
        ur.backpropagate(trace, final_hidden=np.ones((BATCH, UNITS)))
