"""Keras's activations that NumPy can state, by their Keras names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def linear(x: Array) -> Array:
    """x itself."""
    return x


def tanh(x: Array) -> Array:
    """Hyperbolic tangent, from -1 to 1."""
    return np.tanh(x)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), from 0 to 1."""
    with np.errstate(over="ignore"):  # exp may overflow to infinity, whose reciprocal is the right 0
        return 1 / (1 + np.exp(-x))


def hard_sigmoid(x: Array) -> Array:
    """relu6(x + 3) / 6: Keras 3's slope is 1/6, where Keras 2 had 0.2."""
    return np.clip(x + 3, 0, 6) / 6


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


def relu6(x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return np.clip(x, 0, 6)


def leaky_relu(x: Array) -> Array:
    """x where it is positive, 0.2 x elsewhere (Keras 3's default slope)."""
    return np.where(x >= 0, x, 0.2 * x)


def elu(x: Array) -> Array:
    """x where it is positive, exp(x) - 1 elsewhere."""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def selu(x: Array) -> Array:
    """elu, scaled so that layers keep mean 0 and variance 1 (Klambauer et al. 2017)."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return np.where(x > 0, scale * x, scale * alpha * np.expm1(np.minimum(x, 0)))


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return np.logaddexp(x, np.zeros((), x.dtype))


def softsign(x: Array) -> Array:
    """x / (1 + abs(x))."""
    return x / (1 + np.abs(x))


def silu(x: Array) -> Array:
    """x * sigmoid(x)."""
    return x * sigmoid(x)


def hard_silu(x: Array) -> Array:
    """x * hard_sigmoid(x)."""
    return x * hard_sigmoid(x)


def hard_tanh(x: Array) -> Array:
    """x, clipped to between -1 and 1."""
    return np.clip(x, -1, 1)


def exponential(x: Array) -> Array:
    """exp(x)."""
    return np.exp(x)


def log_sigmoid(x: Array) -> Array:
    """log(sigmoid(x))."""
    return -softplus(-x)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    f.__name__: f
    for f in (linear, tanh, sigmoid, hard_sigmoid, relu, relu6, leaky_relu, elu, selu, softplus,
              softsign, silu, hard_silu, hard_tanh, exponential, log_sigmoid)
}
ACTIVATIONS["swish"] = silu


def activation(name: str) -> Callable[[Array], Array]:
    """The NumPy function for a Keras activation.

    Source: ``keras/src/activations/activations.py``, with the default arguments.

    Raises
    ------
    ValueError
        If NumPy has no function for that name here; the message lists the names there are.
    """
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(
            f"activation is {name!r}, which is not one that is written out here; "
            f"there are {', '.join(sorted(ACTIVATIONS))}"
        )
    return ACTIVATIONS[name]
