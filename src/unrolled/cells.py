"""SimpleRNN, LSTM and GRU cells: weights in Keras layout, and ``step``, whose lines are the equations.

A cell is a frozen value. ``step`` takes one timestep for the whole batch and gives back every gate
by name; the loop over time is :func:`unrolled.unroll`, and nothing here knows of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from .activations import Array, activation


class SimpleRNNStep(NamedTuple):
    """What a :class:`SimpleRNNCell` computes in one timestep; each ``(batch, units)``."""

    hidden: Array


class LSTMStep(NamedTuple):
    """What an :class:`LSTMCell` computes in one timestep; each ``(batch, units)``."""

    input_gate: Array
    forget_gate: Array
    candidate: Array
    output_gate: Array
    cell: Array
    hidden: Array


class GRUStep(NamedTuple):
    """What a :class:`GRUCell` computes in one timestep; each ``(batch, units)``."""

    update_gate: Array
    reset_gate: Array
    candidate: Array
    hidden: Array


@dataclass(frozen=True, eq=False, repr=False)
class Cell:
    """What the three cells share: their weights, checked and read-only.

    Attributes
    ----------
    kernel : array, shape (features, blocks * units)
        Input to gates. ``blocks`` is 1 for SimpleRNN, 3 for GRU, 4 for LSTM.
    recurrent_kernel : array, shape (units, blocks * units)
        Hidden state to gates.
    bias : array or None
        ``(blocks * units,)``; for a GRU with ``reset_after`` ``(2, 3 * units)``:
        input row, recurrent row. None where the layer has ``use_bias=False``.

    Raises
    ------
    TypeError
        If a weight is not of float32 or float64, or they are not all of the same.
    ValueError
        If a shape does not fit, or an activation is not known.
    """

    kernel: Array
    recurrent_kernel: Array
    bias: Array | None = None
    activation: str = "tanh"

    kind: ClassVar[str]
    blocks: ClassVar[int]

    def __post_init__(self):
        weights = {"kernel": self.kernel, "recurrent_kernel": self.recurrent_kernel}
        if self.bias is not None:
            weights["bias"] = self.bias
        for name, weight in weights.items():
            object.__setattr__(self, name, _read_only(name, weight))
        self._check_shapes()
        for name, weight in weights.items():
            if getattr(self, name).dtype != self.kernel.dtype:
                raise TypeError(f"{name} is {getattr(self, name).dtype}, but kernel is {self.kernel.dtype}; "
                                "all weights of a cell must have the same dtype")
        for name in ("activation", "recurrent_activation"):
            if hasattr(self, name):
                activation(getattr(self, name))

    def _check_shapes(self):
        if self.recurrent_kernel.ndim != 2 or self.recurrent_kernel.shape[1] != self.blocks * self.units:
            raise ValueError(
                f"recurrent_kernel has shape {self.recurrent_kernel.shape}, but a {self.kind} takes "
                f"(units, {'' if self.blocks == 1 else f'{self.blocks} * '}units)")
        if self.units == 0:
            raise ValueError("recurrent_kernel has 0 units, but a layer has at least 1")
        if self.kernel.ndim != 2 or self.kernel.shape[1] != self.blocks * self.units:
            raise ValueError(
                f"kernel has shape {self.kernel.shape}, but recurrent_kernel has {self.units} units, "
                f"so kernel must be (features, {self.blocks * self.units})")
        if self.bias is not None and self.bias.shape != self._bias_shape:
            raise ValueError(
                f"bias has shape {self.bias.shape}, but {self._bias_reason} takes {self._bias_shape}")

    @property
    def _bias_shape(self) -> tuple[int, ...]:
        return (self.blocks * self.units,)

    @property
    def _bias_reason(self) -> str:
        return f"a {self.kind} of {self.units} units"

    @property
    def units(self) -> int:
        """The size of the hidden state."""
        return self.recurrent_kernel.shape[0]

    @property
    def features(self) -> int:
        """The size of one input vector."""
        return self.kernel.shape[0]

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: what goes in is what comes out."""
        return self.kernel.dtype

    def __repr__(self):
        return f"{type(self).__name__}(features={self.features}, units={self.units}, dtype={self.dtype})"

    def _blocks(self, weight: Array | None) -> tuple[Array, ...]:
        """The columns of each gate; zeros, which add nothing, for a bias that is not there."""
        if weight is None:
            weight = np.zeros(self._bias_shape, self.dtype)
        return tuple(np.split(weight, self.blocks, axis=-1))


class SimpleRNNCell(Cell):
    """Elman's network (1990) as Keras has it: ``keras/src/layers/rnn/simple_rnn.py``."""

    kind = "SimpleRNN"
    blocks = 1

    def step(self, x: Array, hidden: Array) -> SimpleRNNStep:
        """One timestep: ``x`` is ``(batch, features)``, ``hidden`` is ``(batch, units)``."""
        W, U, (b,) = self.kernel, self.recurrent_kernel, self._blocks(self.bias)
        phi = activation(self.activation)

        hidden = phi(x @ W + hidden @ U + b)
        return SimpleRNNStep(hidden)


@dataclass(frozen=True, eq=False, repr=False)
class LSTMCell(Cell):
    """The LSTM with a forget gate (Gers et al. 2000): ``keras/src/layers/rnn/lstm.py``.

    The columns of each weight are, in this order: input gate, forget gate, candidate, output gate.
    """

    recurrent_activation: str = "sigmoid"

    kind: ClassVar[str] = "LSTM"
    blocks: ClassVar[int] = 4

    def step(self, x: Array, hidden: Array, cell: Array) -> LSTMStep:
        """One timestep: ``x`` is ``(batch, features)``, the two states ``(batch, units)``."""
        W_i, W_f, W_c, W_o = self._blocks(self.kernel)
        U_i, U_f, U_c, U_o = self._blocks(self.recurrent_kernel)
        b_i, b_f, b_c, b_o = self._blocks(self.bias)
        sigma, phi = activation(self.recurrent_activation), activation(self.activation)

        i = sigma(x @ W_i + hidden @ U_i + b_i)
        f = sigma(x @ W_f + hidden @ U_f + b_f)
        candidate = phi(x @ W_c + hidden @ U_c + b_c)
        o = sigma(x @ W_o + hidden @ U_o + b_o)
        cell = f * cell + i * candidate
        hidden = o * phi(cell)
        return LSTMStep(i, f, candidate, o, cell, hidden)


@dataclass(frozen=True, eq=False, repr=False)
class GRUCell(Cell):
    """The GRU in both of Keras's dialects: ``keras/src/layers/rnn/gru.py``.

    The columns of each weight are, in this order: update gate, reset gate, candidate.
    ``reset_after=True`` is Keras's default and what cuDNN computes; ``False`` is the third
    version of Cho et al. (2014), as Keras says. In both, z = 1 keeps the old state.
    """

    recurrent_activation: str = "sigmoid"
    reset_after: bool = True

    kind: ClassVar[str] = "GRU"
    blocks: ClassVar[int] = 3

    @property
    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    @property
    def _bias_reason(self) -> str:
        return f"a GRU of {self.units} units with reset_after={self.reset_after}"

    def step(self, x: Array, hidden: Array) -> GRUStep:
        """One timestep: ``x`` is ``(batch, features)``, ``hidden`` is ``(batch, units)``."""
        return self._step_reset_after(x, hidden) if self.reset_after else self._step_reset_before(x, hidden)

    def _step_reset_after(self, x: Array, hidden: Array) -> GRUStep:
        W_z, W_r, W_h = self._blocks(self.kernel)
        U_z, U_r, U_h = self._blocks(self.recurrent_kernel)
        (b_z, d_z), (b_r, d_r), (b_h, d_h) = self._blocks(self.bias)
        sigma, phi = activation(self.recurrent_activation), activation(self.activation)

        z = sigma(x @ W_z + b_z + hidden @ U_z + d_z)
        r = sigma(x @ W_r + b_r + hidden @ U_r + d_r)
        candidate = phi(x @ W_h + b_h + r * (hidden @ U_h + d_h))
        hidden = z * hidden + (1 - z) * candidate
        return GRUStep(z, r, candidate, hidden)

    def _step_reset_before(self, x: Array, hidden: Array) -> GRUStep:
        W_z, W_r, W_h = self._blocks(self.kernel)
        U_z, U_r, U_h = self._blocks(self.recurrent_kernel)
        b_z, b_r, b_h = self._blocks(self.bias)
        sigma, phi = activation(self.recurrent_activation), activation(self.activation)

        z = sigma(x @ W_z + hidden @ U_z + b_z)
        r = sigma(x @ W_r + hidden @ U_r + b_r)
        candidate = phi(x @ W_h + (r * hidden) @ U_h + b_h)
        hidden = z * hidden + (1 - z) * candidate
        return GRUStep(z, r, candidate, hidden)


def _read_only(name: str, weight) -> Array:
    """A copy that nobody can write to, so that a cell stays the value it was."""
    if np.asarray(weight).dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} has dtype {np.asarray(weight).dtype}, but a cell takes float32 or float64")
    copy = np.array(weight)
    copy.flags.writeable = False
    return copy
