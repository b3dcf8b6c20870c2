"""The one table of names: what each gate and state is called, written, coloured and sliced."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One gate, candidate or state of a recurrent layer.

    Attributes
    ----------
    kind : str
        ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
    name : str
        The name of the field in a :class:`~unrolled.Trace`.
    symbol : str
        Its LaTeX symbol, without the time index.
    colour : str
        Its entry in :mod:`unrolled.palette`.
    equation : str
        Its equation in LaTeX, in Keras's weights.
    keras_slice : str
        Its columns in the kernel, as you would write them in Python with ``u = layer.units``;
        empty for a state, which has no columns of its own.
    meaning : str
        One plain sentence.
    """

    kind: str
    name: str
    symbol: str
    colour: str
    equation: str
    keras_slice: str
    meaning: str
    shape: str = "(batch, timesteps, units)"

    @property
    def plain(self) -> str:
        """The symbol in plain text, for legends and alternative texts."""
        return {r"\tilde{c}": "c̃", r"\tilde{h}": "h̃"}.get(self.symbol, self.symbol)


def _gate(symbol: str) -> str:
    return rf"{symbol}_t = \sigma(x_t W_{symbol} + h_{{t-1}} U_{symbol} + b_{symbol})"


FIELDS = (
    Field("SimpleRNN", "hidden", "h", "hidden", r"h_t = \tanh(x_t W + h_{t-1} U + b)", ":",
          "The hidden state: what the layer returns, and what it carries to the next step."),
    Field("LSTM", "input_gate", "i", "input", _gate("i"), ":u",
          "How much of the candidate is written into the cell."),
    Field("LSTM", "forget_gate", "f", "forget", _gate("f"), "u:2*u",
          "How much of the old cell state is kept: 1 keeps all, 0 forgets all."),
    Field("LSTM", "candidate", r"\tilde{c}", "candidate",
          r"\tilde{c}_t = \tanh(x_t W_c + h_{t-1} U_c + b_c)", "2*u:3*u",
          "What could be written into the cell; not a gate, it can be negative."),
    Field("LSTM", "output_gate", "o", "output", _gate("o"), "3*u:",
          "How much of the cell state shows in the hidden state."),
    Field("LSTM", "cell", "c", "cell", r"c_t = f_t \odot c_{t-1} + i_t \odot \tilde{c}_t", "",
          "The cell state: the sum that the gates keep, scale and add to."),
    Field("LSTM", "hidden", "h", "hidden", r"h_t = o_t \odot \tanh(c_t)", "",
          "The hidden state: what the layer returns, and what the gates see at the next step."),
    Field("GRU", "update_gate", "z", "update", _gate("z"), ":u",
          "How much of the old state is kept: 1 keeps all, 0 replaces all."),
    Field("GRU", "reset_gate", "r", "reset", _gate("r"), "u:2*u",
          "How much of the old state the candidate sees."),
    Field("GRU", "candidate", r"\tilde{h}", "candidate",
          r"\tilde{h}_t = \tanh(x_t W_h + b_h + r_t \odot (h_{t-1} U_h + b'_h))", "2*u:",
          "What could replace the old state; not a gate, it can be negative."),
    Field("GRU", "hidden", "h", "hidden",
          r"h_t = z_t \odot h_{t-1} + (1 - z_t) \odot \tilde{h}_t", "",
          "The hidden state: what the layer returns, and what it carries to the next step."),
)


def fields_of(kind: str) -> tuple[Field, ...]:
    """The fields of one kind of layer, in the order in which they are computed.

    Raises
    ------
    ValueError
        If there is no such kind; the message lists those there are.
    """
    found = tuple(field for field in FIELDS if field.kind == kind)
    if not found:
        kinds = sorted({field.kind for field in FIELDS})
        raise ValueError(f"kind is {kind!r}, but there are only {', '.join(kinds)}")
    return found
