"""PyTorch's layers on the converted weights, against `unroll` and against Keras's layers."""

import itertools

import jax
import keras
import numpy as np
import pytest
import torch

import unrolled as ur
from parity_cases import random_stack, weight
from unrolled import layouts

MODULES = {"SimpleRNN": torch.nn.RNN, "LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU}
CASES = [(kind, depth, directions, dtype, seed)
         for seed, (kind, depth, directions, dtype) in enumerate(itertools.product(MODULES, (1, 2), (1, 2), ("float32", "float64")))]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def run_stack(layers, x, states):
    """Every layer on what the one below gives: the last output, and the final states as PyTorch stacks them."""
    finals = []
    for layer in layers:
        outputs = []
        for d, cell in enumerate(layer if isinstance(layer, tuple) else (layer,)):
            trace = ur.unroll(cell, x, states[len(finals)], go_backwards=d == 1)
            outputs.append(trace.output[:, ::-1] if d else trace.output)
            finals.append([trace.final_hidden, trace.final_cell] if cell.kind == "LSTM" else [trace.final_hidden])
        x = np.concatenate(outputs, axis=-1)
    return [x, *(np.stack(s) for s in zip(*finals))]


def torch_module(kind, layers, features, units, dtype, **options):
    """The module, loaded with what `to_torch` gives; `strict` finds what is missing or left over."""
    both = isinstance(layers[0], tuple)
    module = MODULES[kind](features, units, num_layers=len(layers), bidirectional=both, batch_first=True, **options)
    module = module.to(getattr(torch, dtype))
    module.load_state_dict({name: torch.from_numpy(a) for name, a in layouts.to_torch(layers).items()}, strict=True)
    return module


@pytest.mark.parametrize("kind, depth, directions, dtype, seed", CASES)
def test_torch_computes_the_same(kind, depth, directions, dtype, seed):
    rng = np.random.default_rng(seed)
    batch, timesteps, features, units = (int(n) for n in rng.choice(np.arange(2, 9), 4, replace=False))
    layers = random_stack(kind, depth, directions, features, units, dtype, rng, use_bias=seed % 5 != 4)
    x = rng.normal(size=(batch, timesteps, features)).astype(dtype)
    given = [rng.normal(size=(depth * directions, batch, units)).astype(dtype) for _ in range(2 if kind == "LSTM" else 1)]
    states = [tuple(s[k] for s in given) for k in range(depth * directions)]

    module = torch_module(kind, layers, features, units, dtype, bias=seed % 5 != 4)
    initial = tuple(map(torch.from_numpy, given))
    with torch.no_grad():
        output, final = module(torch.from_numpy(x), initial if kind == "LSTM" else initial[0])
    theirs = [output, *(final if kind == "LSTM" else [final])]
    for ours, expected in zip(run_stack(layers, x, states), theirs, strict=True):
        np.testing.assert_allclose(ours, expected.numpy(), rtol=0, atol=TOLERANCE[dtype])

    back = layouts.from_torch(module)
    np.testing.assert_array_equal(run_stack(back, x, states)[0], run_stack(layers, x, states)[0])


@pytest.mark.parametrize("kind", MODULES)
def test_a_layer_of_keras_and_its_module(kind):
    rng = np.random.default_rng(0)
    layer = keras.layers.Bidirectional(getattr(keras.layers, kind)(5, return_sequences=True))
    layer.build((None, None, 3))
    layer.set_weights([weight(rng, *w.shape) if "float" in str(w.dtype) else w for w in layer.get_weights()])
    x = rng.normal(size=(2, 7, 3)).astype("float32")
    cells = ur.from_keras(layer.forward_layer), ur.from_keras(layer.backward_layer)
    module = torch_module(kind, [cells], 3, 5, "float32")
    with torch.no_grad():
        output, _ = module(torch.from_numpy(x))
    np.testing.assert_allclose(output.numpy(), keras.ops.convert_to_numpy(layer(x)), rtol=0, atol=1e-5)


def test_relu():
    rng = np.random.default_rng(0)
    cell = ur.SimpleRNNCell(weight(rng, 3, 4), weight(rng, 4, 4), weight(rng, 4), activation="relu")
    module = torch_module("SimpleRNN", [cell], 3, 4, "float64", nonlinearity="relu")
    x = rng.normal(size=(2, 5, 3))
    with torch.no_grad():
        np.testing.assert_allclose(ur.unroll(cell, x).hidden, module(torch.from_numpy(x))[0].numpy(), rtol=0, atol=1e-12)
    assert layouts.from_torch(module)[0].activation == "relu"


def test_a_projected_lstm():
    with pytest.raises(ValueError, match="weight_hr_l0 is there: a projected LSTM"):
        layouts.from_torch(torch.nn.LSTM(3, 4, proj_size=2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    with pytest.raises(TypeError, match=f"weight_ih_l0 is of {str(dtype)[6:]}, but weights are float32 or float64"):
        layouts.from_torch(torch.nn.GRU(3, 4).to(dtype))


def test_a_layer_within_a_model():
    model = torch.nn.ModuleDict({"encoder": torch.nn.LSTM(3, 4), "head": torch.nn.Linear(4, 2)})
    (cell,) = layouts.from_torch(model.state_dict(), prefix="encoder.")
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    with torch.no_grad():
        expected, _ = model["encoder"](torch.from_numpy(x.swapaxes(0, 1)))
    np.testing.assert_allclose(ur.unroll(cell, x).hidden, expected.numpy().swapaxes(0, 1), rtol=0, atol=1e-5)
