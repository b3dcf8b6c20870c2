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


#: The slope of each activation, from what goes in (a) and what comes out (y); at a kink, one of the two.
_DERIVATIVES: dict[str, Callable[[Array, Array], Array]] = {
    "linear": lambda a, y: np.ones_like(a),
    "tanh": lambda a, y: 1 - y * y,
    "sigmoid": lambda a, y: y * (1 - y),
    "hard_sigmoid": lambda a, y: _between(a, -3, 3) / 6,
    "relu": lambda a, y: _between(a, 0, np.inf),
    "relu6": lambda a, y: _between(a, 0, 6),
    "leaky_relu": lambda a, y: np.where(a > 0, 1, 0.2).astype(a.dtype),
    "elu": lambda a, y: np.where(a > 0, 1, y + 1),
    "selu": lambda a, y: np.where(a > 0, 1.0507009873554805, y + 1.0507009873554805 * 1.6732632423543772),
    "softplus": lambda a, y: sigmoid(a),
    "softsign": lambda a, y: (1 - np.abs(y)) ** 2,
    "silu": lambda a, y: y + sigmoid(a) * (1 - y),
    "hard_silu": lambda a, y: hard_sigmoid(a) + a * _between(a, -3, 3) / 6,
    "hard_tanh": lambda a, y: _between(a, -1, 1),
    "exponential": lambda a, y: y,
    "log_sigmoid": lambda a, y: 1 - np.exp(y),
}
_DERIVATIVES["swish"] = _DERIVATIVES["silu"]


def _between(a: Array, low: float, high: float) -> Array:
    return ((a > low) & (a < high)).astype(a.dtype)


def derivative(name: str) -> Callable[[Array, Array], Array]:
    """The derivative of a Keras activation, as a function of what went in and what came out.

    Raises
    ------
    ValueError
        As :func:`activation`.
    """
    activation(name)
    return _DERIVATIVES[name]
