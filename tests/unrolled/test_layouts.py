"""Weights in other dialects and back, and what is refused; what the frameworks compute is tested beside them."""

import numpy as np
import pytest

import unrolled as ur
from unrolled import layouts

ONNX_KINDS = ("SimpleRNN", "LSTM", "GRU", "GRU reset before")
KINDS = ONNX_KINDS[:3]
SHAPES = {"one layer": (1, 1), "two directions": (1, 2), "two layers": (2, 1), "two layers, two directions": (2, 2)}


def stack(draw, kind, rng, depth=1, directions=1, **options):
    """Layers that fit on each other, every weight other than zero."""
    layers, features = [], 3
    for _ in range(depth):
        cells = tuple(draw.cell(kind, rng, features, 4, **options) for _ in range(directions))
        layers.append(cells[0] if directions == 1 else cells)
        features = 4 * directions
    return layers


def assert_same(found, expected):
    assert [isinstance(layer, tuple) for layer in found] == [isinstance(layer, tuple) for layer in expected]
    flat = [[c for layer in layers for c in (layer if isinstance(layer, tuple) else (layer,))] for layers in (found, expected)]
    for ours, theirs in zip(*flat, strict=True):
        assert type(ours) is type(theirs) and ours.dtype == theirs.dtype and ours.activation == theirs.activation
        assert getattr(ours, "reset_after", None) == getattr(theirs, "reset_after", None)
        for name in ("kernel", "recurrent_kernel", "bias"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_to_torch_and_back(kind, shape, use_bias, dtype, draw, rng):
    cells = stack(draw, kind, rng, *SHAPES[shape], use_bias=use_bias, dtype=dtype)
    state = layouts.to_torch(cells)
    assert all(array.dtype == dtype for array in state.values())
    assert_same(layouts.from_torch(state), cells)
    assert_same(layouts.from_torch({f"encoder.{n}": a for n, a in state.items()} | {"head.weight": np.ones(2)}, prefix="encoder."), cells)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ONNX_KINDS)
def test_to_onnx_and_back(kind, shape, use_bias, draw, rng):
    cells = stack(draw, kind, rng, *SHAPES[shape], use_bias=use_bias)
    nodes = layouts.to_onnx(cells)
    assert_same([layer for node in nodes for layer in layouts.from_onnx(node)], cells)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_to_jax_and_back(kind, shape, draw, rng):
    cells = stack(draw, kind, rng, *SHAPES[shape])
    found = layouts.from_jax(layouts.to_jax(cells))
    if kind != "GRU":
        assert_same(found, cells)
    else:  # of z and r only the sum of the biases is carried; what the cell computes is the same
        flat = [[c for layer in layers for c in (layer if isinstance(layer, tuple) else (layer,))] for layers in (found, cells)]
        for ours, theirs in zip(*flat, strict=True):
            x = rng.normal(size=(2, 5, ours.features))
            np.testing.assert_allclose(ur.unroll(ours, x).hidden, ur.unroll(theirs, x).hidden, rtol=0, atol=1e-14)


def test_a_cell_or_a_pair_stands_for_a_list_of_one(draw, rng):
    (cell,), (pair,) = stack(draw, "LSTM", rng), stack(draw, "LSTM", rng, directions=2)
    assert_same(layouts.from_torch(layouts.to_torch(cell)), [cell])
    assert_same(layouts.from_torch(layouts.to_torch(pair)), [pair])
    assert_same(layouts.from_jax(layouts.to_jax(pair)[0]), [pair])


def test_the_order_of_gates(draw, rng):
    """By name, and not by way there and back: a wrong order would come back right."""
    (lstm,), (gru,) = stack(draw, "LSTM", rng), stack(draw, "GRU", rng)
    i, f, c, o = np.split(lstm.kernel.T, 4)
    z, r, h = np.split(gru.kernel.T, 3)
    np.testing.assert_array_equal(layouts.to_torch(lstm)["weight_ih_l0"], np.concatenate([i, f, c, o]))
    np.testing.assert_array_equal(layouts.to_torch(gru)["weight_ih_l0"], np.concatenate([r, z, h]))
    np.testing.assert_array_equal(layouts.to_onnx(lstm)[0].W[0], np.concatenate([i, o, f, c]))
    np.testing.assert_array_equal(layouts.to_onnx(gru)[0].W[0], np.concatenate([z, r, h]))
    np.testing.assert_array_equal(layouts.to_jax(lstm)[0]["ig"]["kernel"], c.T)
    np.testing.assert_array_equal(layouts.to_jax(gru)[0]["in"]["kernel"], h.T)


def test_torchs_own_names_and_shapes(draw, rng):
    state = layouts.to_torch(stack(draw, "GRU", rng, 2, 2))
    assert {name: array.shape for name, array in state.items() if "l1_reverse" in name} == {
        "weight_ih_l1_reverse": (12, 8), "weight_hh_l1_reverse": (12, 4), "bias_ih_l1_reverse": (12,), "bias_hh_l1_reverse": (12,)}


def test_relu_is_torchs_other_nonlinearity(draw, rng):
    (cell,) = cells = stack(draw, "SimpleRNN", rng, activation="relu")
    assert_same(layouts.from_torch(layouts.to_torch(cell), nonlinearity="relu"), cells)


# What is refused

def test_torch_cannot_express(draw, rng):
    for cells, message in [
        (stack(draw, "GRU reset before", rng), "reset_after=False, but PyTorch and cuDNN reset after the product only"),
        (stack(draw, "LSTM", rng, activation="relu"), "has activation='relu' and recurrent_activation='sigmoid', but PyTorch's has tanh and sigmoid only"),
        (stack(draw, "SimpleRNN", rng, activation="elu"), "has activation='elu', but PyTorch's has tanh or relu"),
        ([draw.cell("GRU", rng, 3, 4), draw.cell("GRU", rng, 4, 5)], "differ in units or directions"),
    ]:
        with pytest.raises(ValueError, match=message):
            layouts.to_torch(cells)


def test_flax_cannot_express(draw, rng):
    with pytest.raises(ValueError, match="reset_after=False, but Flax's GRUCell resets after the product only"):
        layouts.to_jax(stack(draw, "GRU reset before", rng))
    with pytest.raises(ValueError, match="activation='relu' and recurrent_activation='sigmoid', which Flax's parameters do not say"):
        layouts.to_jax(stack(draw, "LSTM", rng, activation="relu"))


def test_onnx_cannot_express(draw, rng):
    with pytest.raises(ValueError, match="has activation='silu' and recurrent_activation='sigmoid', but ONNX knows tanh, sigmoid"):
        layouts.to_onnx(stack(draw, "LSTM", rng, activation="silu"))


@pytest.mark.parametrize("make, error, message", [
    (lambda draw, rng: [], ValueError, "cells is an empty list"),
    (lambda draw, rng: ["LSTM"], TypeError, "cells holds a str, but a layer is a cell or a pair of cells"),
    (lambda draw, rng: (draw.cell("LSTM", rng),) * 3, ValueError, "a layer has 3 cells"),
    (lambda draw, rng: [draw.cell("LSTM", rng), draw.cell("GRU", rng, 4)], ValueError, "layer 1 has the kind GRU, but layer 0 has LSTM"),
    (lambda draw, rng: [draw.cell("LSTM", rng), draw.cell("LSTM", rng, 4, dtype="float32")], ValueError, "layer 1 has the dtype float32"),
    (lambda draw, rng: [draw.cell("LSTM", rng), draw.cell("LSTM", rng, 3)], ValueError, "layer 1 takes 3 features, but 4 come from below"),
    (lambda draw, rng: (draw.cell("LSTM", rng), draw.cell("LSTM", rng, 3, 5)), ValueError, "4 and 5 units in its two directions"),
])
@pytest.mark.parametrize("convert", [layouts.to_torch, layouts.to_onnx, layouts.to_jax])
def test_layers_that_do_not_fit(convert, make, error, message, draw, rng):
    with pytest.raises(error, match=message):
        convert(make(draw, rng))


def test_weights_that_are_not_finite_are_not_carried(draw, rng):
    weights = draw.cell("LSTM", rng)
    kernel = np.array(weights.kernel)
    kernel[0, :2] = np.nan
    with pytest.raises(ValueError, match="kernel holds NaN or infinity in 2 of 48 places"):
        layouts.to_torch(ur.LSTMCell(kernel, weights.recurrent_kernel, weights.bias))


@pytest.mark.parametrize("change, error, message", [
    (lambda s: s.pop("weight_ih_l0"), ValueError, "weight_ih_l0 is missing: there are bias_hh_l0"),
    (lambda s: s.pop("weight_hh_l0"), ValueError, "weight_hh_l0 is missing"),
    (lambda s: s.pop("bias_hh_l0"), ValueError, "bias_hh_l0 is missing: there are bias_ih_l0, weight_hh_l0, weight_ih_l0"),
    (lambda s: s.update(weight_ih_l0=s["weight_ih_l0"].T), ValueError, r"weight_ih_l0 has shape \(3, 16\), but a LSTM of 4 units takes \(16, features\)"),
    (lambda s: s.update(weight_hh_l0=s["weight_hh_l0"][:10]), ValueError, r"weight_hh_l0 has shape \(10, 4\), but of 4 units an RNN has 4 rows, a GRU 12, an LSTM 16"),
    (lambda s: s.update(bias_ih_l0=s["bias_ih_l0"][:8]), ValueError, r"bias_ih_l0 has shape \(8,\), but a LSTM of 4 units takes \(16,\)"),
    (lambda s: s.update(weight_hr_l0=np.ones((2, 4))), ValueError, r"a projected LSTM \(proj_size\) has no counterpart in Keras"),
    (lambda s: s.update(scale=np.ones(2)), ValueError, "left over: scale"),
    (lambda s: s.update(weight_ih_l0=s["weight_ih_l0"].astype("float16")), TypeError, "weight_ih_l0 is of float16, but weights are float32 or float64"),
    (lambda s: s.update(weight_ih_l0=s["weight_ih_l0"] * np.inf), ValueError, "weight_ih_l0 holds NaN or infinity in 48 of 48 places"),
])
def test_state_dicts_that_are_refused(change, error, message, draw, rng):
    state = layouts.to_torch(stack(draw, "LSTM", rng))
    change(state)
    with pytest.raises(error, match=message):
        layouts.from_torch(state)


def test_a_state_dict_of_another_kind(draw, rng):
    state = layouts.to_torch(stack(draw, "LSTM", rng))
    with pytest.raises(ValueError, match=r"kind is 'GRU', but weight_hh_l0 has shape \(16, 4\), which is that of a LSTM"):
        layouts.from_torch(state, "GRU")
    with pytest.raises(ValueError, match="kind is 'lstm', but there are SimpleRNN, LSTM, GRU"):
        layouts.from_torch(state, "lstm")
    with pytest.raises(TypeError, match="state is a list, but from_torch takes a state dict or a module"):
        layouts.from_torch([])
    with pytest.raises(ValueError, match="weight_ih_l0 is missing after 'decoder.': there are no entries"):
        layouts.from_torch(state, prefix="decoder.")


@pytest.mark.parametrize("change, error, message", [
    (lambda p: p.pop("hf"), ValueError, "hf has nothing, but Flax's LSTM has bias, kernel there"),
    (lambda p: p["hf"].pop("bias"), ValueError, "hf has kernel, but Flax's LSTM has bias, kernel there"),
    (lambda p: p.update(extra={}), ValueError, "left over: extra"),
    (lambda p: p["if"].update(kernel=p["if"]["kernel"][:2]), ValueError, r"if.kernel has shape \(2, 4\), but expected \(3, 4\)"),
    (lambda p: p["if"].update(kernel=p["if"]["kernel"].astype("float16")), TypeError, "if.kernel is of float16"),
    (lambda p: p["hf"].update(bias=np.full(4, np.nan)), ValueError, "hf.bias holds NaN or infinity in 4 of 4 places"),
    (lambda p: p.clear(), ValueError, "the parameters are empty, but Flax's SimpleCell has i, h"),
])
def test_flax_parameters_that_are_refused(change, error, message, draw, rng):
    (parameters,) = layouts.to_jax(stack(draw, "LSTM", rng))
    change(parameters)
    with pytest.raises(error, match=message):
        layouts.from_jax(parameters)
