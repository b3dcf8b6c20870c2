"""What the page of backends says of each: run with Keras on that backend, in a process of its own."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import keras, numpy as np, unrolled as ur

layer = keras.layers.LSTM(3, return_sequences=True, dtype="float64")
x = np.random.default_rng(1).normal(size=(2, 5, 4))
{}
"""


def said(backend, code, **env):
    """What a script prints with Keras on a backend."""
    env = {**os.environ, "KERAS_BACKEND": backend, "JAX_ENABLE_X64": "0", **env}
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(code)], env=env, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr.strip().rpartition("\n")[2]


def test_numpy_does_not_read_what_a_layer_returns_on_pytorch():
    message = "RuntimeError: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
    assert said("torch", "np.array(layer(x))").endswith(message)
    assert said("torch", "print(keras.ops.convert_to_numpy(layer(x)).shape)") == "(2, 5, 3)\n"


def test_a_claim_compares_what_a_layer_returns_on_pytorch():
    assert "✓ They agree" in said("torch", 'y = layer(x)\nur.claim("They agree").close(ur.trace(layer, x).hidden, y)')


@pytest.mark.parametrize("x64, dtype", [("0", "float32"), ("1", "float64")])
def test_jax_computes_in_float32_unless_it_is_told_otherwise(x64, dtype):
    assert said("jax", "print(layer(x).dtype)", JAX_ENABLE_X64=x64).startswith(dtype)


def test_numpy_does_not_train():
    fit = 'model = keras.Sequential([layer])\nmodel.compile(loss="mse")\nmodel.fit(x, np.ones((2, 5, 3)))'
    assert said("numpy", fit).endswith("NotImplementedError: fit not implemented for NumPy backend.")
