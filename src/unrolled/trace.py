"""A trace: every gate, candidate and state of a recurrent layer, at every timestep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .activations import Array
from .cells import Cell
from .fields import fields_of


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """Everything that one call of a recurrent layer computed, as read-only arrays.

    Index ``t`` means the same step in every field, and every field is ``(batch, timesteps, units)``.
    With ``go_backwards`` the steps stand in the order in which they were processed, as Keras
    returns them; ``time`` says which timestep of the input each was.

    At a masked step nothing acts: the states are carried, and every other field is NaN there.

    Attributes
    ----------
    cell : array
        LSTM only: the cell state c. (The weights are in ``weights``.)
    hidden : array
        The hidden state h after each step.
    output : array
        What the layer returns with ``return_sequences=True``. It is ``hidden`` except at masked
        steps, where it is the last output again, or zeros.
    initial_hidden, initial_cell : array, shape (batch, units)
        The states before the first step.
    final_hidden, final_cell : array, shape (batch, units)
        The states after the last step: what ``return_state=True`` returns.
    weights : Cell
        The cell that was unrolled.
    x : array, shape (batch, timesteps, features)
        The input, in the order in which it was processed.
    mask : array of bool, shape (batch, timesteps), or None
        True where a step counts, in the same order.
    time : array of int, shape (timesteps,)
        Which timestep of the input each step was.
    zero_output_for_mask : bool
        Whether ``output`` is zero at masked steps.
    """

    weights: Cell
    x: Array
    mask: Array | None
    time: Array
    zero_output_for_mask: bool
    hidden: Array
    output: Array
    initial_hidden: Array
    pre_activation: Array

    @property
    def kind(self) -> str:
        """``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``."""
        return self.weights.kind

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of this trace's gates and states, in the order in which they are computed."""
        return tuple(field.name for field in fields_of(self.kind))

    @property
    def final_hidden(self) -> Array:
        """The hidden state after the last step, ``(batch, units)``."""
        return self.hidden[:, -1]

    @property
    def final_output(self) -> Array:
        """What the layer returns without ``return_sequences``, ``(batch, units)``."""
        return self.output[:, -1]

    def __getattr__(self, name: str):
        # Only reached for a name that is not there: say which there are.
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"a {self.kind} trace has no {name!r}; it has {', '.join(self._names())}")

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in (*cls.__dataclass_fields__, *(n for c in cls.__mro__ for n in vars(c)
                if isinstance(vars(c)[n], property))) if not name.startswith("_")]

    def __repr__(self):
        batch, timesteps, units = self.hidden.shape
        return (f"{type(self).__name__}(batch={batch}, timesteps={timesteps}, units={units}, "
                f"fields={', '.join(self.fields)})")

    def _pre(self, block: int) -> Array:
        """What went into the activation of one gate."""
        units = self.weights.units
        return self.pre_activation[..., block * units:(block + 1) * units]


@dataclass(frozen=True, eq=False, repr=False)
class SimpleRNNTrace(Trace):
    """What a SimpleRNN computed; see :class:`Trace`."""

    @property
    def hidden_pre(self) -> Array:
        """What went into tanh: x W + h U + b."""
        return self._pre(0)


@dataclass(frozen=True, eq=False, repr=False)
class LSTMTrace(Trace):
    """What an LSTM computed; see :class:`Trace`."""

    input_gate: Array
    forget_gate: Array
    candidate: Array
    output_gate: Array
    cell: Array
    cell_activated: Array
    initial_cell: Array

    @property
    def input_gate_pre(self) -> Array:
        """What went into the input gate's sigmoid."""
        return self._pre(0)

    @property
    def forget_gate_pre(self) -> Array:
        """What went into the forget gate's sigmoid."""
        return self._pre(1)

    @property
    def candidate_pre(self) -> Array:
        """What went into the candidate's tanh."""
        return self._pre(2)

    @property
    def output_gate_pre(self) -> Array:
        """What went into the output gate's sigmoid."""
        return self._pre(3)

    @property
    def cell_before(self) -> Array:
        """The cell state before each step: the initial one, then ``cell`` shifted by one."""
        return before(self.cell, self.initial_cell)

    @property
    def kept(self) -> Array:
        """f * c before: what each step keeps of the cell."""
        return self.forget_gate * self.cell_before

    @property
    def written(self) -> Array:
        """i * candidate: what each step adds to the cell."""
        return self.input_gate * self.candidate

    @property
    def final_cell(self) -> Array:
        """The cell state after the last step, ``(batch, units)``."""
        return self.cell[:, -1]


@dataclass(frozen=True, eq=False, repr=False)
class GRUTrace(Trace):
    """What a GRU computed; see :class:`Trace`.

    ``recurrent_candidate`` is what the reset gate scales: h U + b' with ``reset_after``,
    h itself without.
    """

    update_gate: Array
    reset_gate: Array
    candidate: Array
    recurrent_candidate: Array

    @property
    def update_gate_pre(self) -> Array:
        """What went into the update gate's sigmoid."""
        return self._pre(0)

    @property
    def reset_gate_pre(self) -> Array:
        """What went into the reset gate's sigmoid."""
        return self._pre(1)

    @property
    def candidate_pre(self) -> Array:
        """What went into the candidate's tanh."""
        return self._pre(2)

    @property
    def hidden_before(self) -> Array:
        """The hidden state before each step: the initial one, then ``hidden`` shifted by one."""
        return before(self.hidden, self.initial_hidden)

    @property
    def recurrent_candidate_reset(self) -> Array:
        """The reset gate times ``recurrent_candidate``."""
        return self.reset_gate * self.recurrent_candidate

    @property
    def kept(self) -> Array:
        """z * h before: what each step keeps of the old state."""
        return self.update_gate * self.hidden_before

    @property
    def written(self) -> Array:
        """(1 - z) * candidate: what each step writes."""
        return (1 - self.update_gate) * self.candidate


def before(states: Array, initial: Array) -> Array:
    """The state before each step: the initial one, then the states shifted by one."""
    return np.concatenate([initial[:, None], states[:, :-1]], axis=1)


_MERGES = {
    "concat": lambda forward, backward: np.concatenate([forward, backward], axis=-1),
    "sum": lambda forward, backward: forward + backward,
    "ave": lambda forward, backward: (forward + backward) / 2,
    "mul": lambda forward, backward: forward * backward,
    None: lambda forward, backward: (forward, backward),
}


@dataclass(frozen=True)
class BidirectionalTrace:
    """What the two halves of a ``Bidirectional`` computed.

    Attributes
    ----------
    forward, backward : Trace
        One trace a half. The backward one stands in the order in which it was processed:
        its index 0 is the last timestep of the input.
    merge_mode : str or None
        How the layer merges the two outputs.
    """

    forward: Trace
    backward: Trace
    merge_mode: str | None

    @property
    def output(self):
        """What the layer returns with ``return_sequences=True``: the backward half is turned to the input's order."""
        return _MERGES[self.merge_mode](self.forward.output, self.backward.output[:, ::-1])

    @property
    def final_output(self):
        """What the layer returns without ``return_sequences``: each half's own last step."""
        return _MERGES[self.merge_mode](self.forward.final_output, self.backward.final_output)
