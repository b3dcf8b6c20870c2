"""keras_to_torch.py: the module that it makes gives Keras's outputs; what it cannot carry, it refuses."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import jax
import keras
import numpy as np
import pytest
import torch

RECIPE = Path(__file__).parents[1] / "docs" / "recipes" / "keras_to_torch.py"
spec = importlib.util.spec_from_file_location("keras_to_torch", RECIPE)
recipe = importlib.util.module_from_spec(spec)
spec.loader.exec_module(recipe)

L = keras.layers


def randomized(rng, *stack, tokens=True):
    """A model on tokens or features; no weight near zero, so that one that is left out must show."""
    first = [keras.Input((None,), dtype="int32"), L.Embedding(9, 4)] if tokens else [keras.Input((None, 4))]
    model = keras.Sequential([*first, *stack])
    model.set_weights([rng.uniform(0.1, 0.6, w.shape) * rng.choice([-1, 1], w.shape) for w in model.get_weights()])
    return model


def assert_carried(model, rng, tokens=True):
    module = recipe.keras_to_torch(model)
    for batch, timesteps in ((1, 1), (2, 7), (5, 3)):
        x = (rng.integers(0, 9, (batch, timesteps)) if tokens
             else rng.normal(size=(batch, timesteps, 4)).astype("float32"))
        with torch.no_grad():
            found = module(torch.from_numpy(x)).numpy()
        with jax.enable_x64(False):  # with x64 on, Keras's GRU without a bias mixes two dtypes on JAX, and fails
            expected = keras.ops.convert_to_numpy(model(x))
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("both", [True, False], ids=["two directions", "one direction"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_what_keras_gives(kind, use_bias, both, sequences):
    rng = np.random.default_rng(0)
    wrap = L.Bidirectional if both else lambda layer: layer
    make = getattr(L, kind)
    assert_carried(randomized(rng, wrap(make(5, return_sequences=True, use_bias=use_bias)), L.Dropout(0.5),
                              wrap(make(3, return_sequences=sequences, use_bias=use_bias)),
                              L.Dense(2, activation="softmax")), rng)


@pytest.mark.parametrize("mode", ["sum", "ave", "mul"])
@pytest.mark.parametrize("sequences", [True, False])
def test_merge_modes(mode, sequences):
    rng = np.random.default_rng(1)
    assert_carried(randomized(rng, L.Bidirectional(L.GRU(5, return_sequences=sequences), merge_mode=mode)), rng)


def test_features_other_activations_and_a_functional_chain():
    rng = np.random.default_rng(2)
    assert_carried(randomized(rng, L.SimpleRNN(5, activation="relu"), L.Dense(2, activation="tanh", use_bias=False),
                              tokens=False), rng, tokens=False)
    tokens = keras.Input((None,), dtype="int32")
    assert_carried(keras.Model(tokens, L.Dense(2, "sigmoid")(L.LSTM(3)(L.Embedding(9, 4)(tokens)))), rng)


def test_the_module_has_weights_of_its_own_that_train():
    model = randomized(np.random.default_rng(3), L.LSTM(3), L.Dense(2))
    before = [w.copy() for w in model.get_weights()]
    module = recipe.keras_to_torch(model)
    assert not module.training and all(p.requires_grad for p in module.parameters())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


REFUSED = {
    "mask": (lambda: [L.Embedding(9, 4, mask_zero=True), L.LSTM(3)], "mask_zero=True makes Keras skip padded steps"),
    "reset before": (lambda: [L.Embedding(9, 4), L.GRU(3, reset_after=False)], "reset_after=False resets before the product"),
    "activation": (lambda: [L.Embedding(9, 4), L.LSTM(3, activation="relu")], "its activation 'relu' is none of tanh"),
    "gates": (lambda: [L.Embedding(9, 4), L.GRU(3, recurrent_activation="hard_sigmoid")], "'hard_sigmoid' is none of sigmoid"),
    "dense": (lambda: [L.Embedding(9, 4), L.LSTM(3), L.Dense(2, "gelu")], "its activation 'gelu' is none of linear, tanh"),
    "unknown": (lambda: [L.Embedding(9, 4), L.LSTM(3), L.LayerNormalization()], "a LayerNormalization is none of Embedding"),
    "backwards": (lambda: [L.Embedding(9, 4), L.LSTM(3, go_backwards=True)], "go_backwards=True; give PyTorch the sequence"),
    "state": (lambda: [L.Embedding(9, 4), L.LSTM(3, return_state=True)], "return_state=True or stateful=True"),
    "two outputs": (lambda: [L.Embedding(9, 4), L.Bidirectional(L.LSTM(3), merge_mode=None)], "merge_mode=None gives two"),
    "two kinds": (lambda: [L.Embedding(9, 4), L.Bidirectional(
        L.SimpleRNN(3), backward_layer=L.SimpleRNN(3, activation="relu", go_backwards=True))], "its two halves differ"),
    "half precision": (lambda: [L.Embedding(9, 4), L.LSTM(3, dtype="float16")], "computes in float16, float32"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    make, message = REFUSED[case]
    model = keras.Sequential([keras.Input((None,), dtype="int32"), *make()])
    with pytest.raises(ValueError, match=message):
        recipe.keras_to_torch(model)


def test_what_is_no_model_not_built_not_finite_or_no_chain():
    with pytest.raises(TypeError, match="model is a LSTM, but a keras.Model was expected"):
        recipe.keras_to_torch(L.LSTM(3))
    with pytest.raises(ValueError, match="model 'new' is not built yet"):
        recipe.keras_to_torch(keras.Sequential([L.LSTM(3)], name="new"))
    model = randomized(np.random.default_rng(4), L.LSTM(3))
    model.set_weights([w * np.nan for w in model.get_weights()])
    with pytest.raises(ValueError, match="holds NaN or infinity: nothing to carry"):
        recipe.keras_to_torch(model)
    tokens = keras.Input((None,), dtype="int32")
    embedded = L.Embedding(9, 4)(tokens)
    branched = keras.Model(tokens, L.Add()([L.LSTM(3)(embedded), L.LSTM(3)(embedded)]), name="branched")
    with pytest.raises(ValueError, match="model 'branched' is no chain of layers"):
        recipe.keras_to_torch(branched)


def run(*arguments):
    """The file alone, from a shell, with Keras on PyTorch."""
    return subprocess.run([sys.executable, RECIPE, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                          env=os.environ | {"KERAS_BACKEND": "torch"})


def test_from_a_shell(tmp_path):
    model = randomized(np.random.default_rng(5), L.Bidirectional(L.LSTM(3)), L.Dense(2))
    model.save(tmp_path / "model.keras")
    done = run(tmp_path / "model.keras", "--save", tmp_path / "state.pt")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.rsplit(" ", 1)[1]) < 1e-5
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    np.testing.assert_array_equal(saved["0.weight"].numpy(), model.get_weights()[0])


def test_from_a_shell_the_reason_is_one_line(tmp_path):
    randomized(np.random.default_rng(5), L.GRU(3, reset_after=False)).save(tmp_path / "model.keras")
    done = run(tmp_path / "model.keras")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: layer 'gru") and "reset_after=False resets before the product" in done.stderr
