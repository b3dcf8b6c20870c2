"""The atlas of a layer's weights: which columns belong to which gate, as a picture and as slices to copy."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from .bridge import from_keras
from .cells import Cell
from .drawing import SVG, Drawing, number
from .fields import Field, fields_of

#: A weight of more rows or columns than this is drawn as areas; up to it, as numbers in boxes.
MOST_ROWS, MOST_COLUMNS = 16, 64


@dataclass(frozen=True)
class Slice:
    """The part of one weight that belongs to one gate.

    Attributes
    ----------
    weight : str
        ``"kernel"``, ``"recurrent_kernel"`` or ``"bias"``.
    field : str
        The gate or candidate, by its name in a :class:`~unrolled.Trace`.
    name : str
        A short name for it, as in the equations: ``W_i``, ``U_i``, ``b_i``, and ``d_i`` for a recurrent bias.
    expression : str
        What to write in Python, with ``units = layer.units``: ``kernel[:, units:2*units]``.
    index : tuple
        The same as a NumPy index: ``kernel[slice.index]``.
    shape : tuple of int
        What comes out.
    """

    weight: str
    field: str
    name: str
    expression: str
    index: tuple
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Atlas:
    """A layer's weights, taken apart; as the last value of a notebook cell it shows its picture.

    Attributes
    ----------
    picture : SVG
        Each weight with its gates, from the layer's own numbers.
    slices : tuple of Slice
        Weight by weight, in the order of ``layer.get_weights()``, and gate by gate in each.
    """

    picture: SVG
    slices: tuple[Slice, ...]

    @property
    def code(self) -> str:
        """All slices as lines of Python that need nothing but ``layer``."""
        weights = list(dict.fromkeys(part.weight for part in self.slices))
        width = max(len(part.name) for part in self.slices)
        lines = [f"{', '.join(weights)} = layer.get_weights()", "units = layer.units", ""]
        for weight in weights:
            parts = [part for part in self.slices if part.weight == weight]
            lines += [f"{part.name:{width}} = {part.expression}" for part in parts]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.picture._repr_html_()


def atlas(layer) -> Atlas:
    """Take a layer's weights apart: a picture, and the slice of each gate.

    Parameters
    ----------
    layer : keras.layers.SimpleRNN, LSTM, GRU, or RNN around one of their cells
        A built layer; of a Bidirectional, one half: ``layer.forward_layer``.

    Returns
    -------
    Atlas

    Raises
    ------
    TypeError, ValueError
        As :func:`unrolled.from_keras`.
    """
    cell = from_keras(layer)
    if isinstance(cell, tuple):
        raise TypeError(f"layer {layer.name!r} is a Bidirectional, which holds two cells: pass layer.forward_layer or "
                        "layer.backward_layer")
    # Those that have columns of their own stand in the table in the order of the columns.
    gates = [field for field in fields_of(cell.kind) if field.keras_slice]
    return Atlas(_picture(cell, gates), tuple(_slices(cell, gates)))


def _slices(cell: Cell, gates: list[Field]):
    for weight, rows in _weights(cell).items():
        for block, gate in enumerate(gates):
            columns = slice(block * cell.units, (block + 1) * cell.units)
            yield from _parts(cell, weight, rows, gate, columns)


def _columns(gate: Field) -> str:
    """Its columns, as in the table of fields, with the whole word for the size."""
    return re.sub(r"\bu\b", "units", gate.keras_slice)


def _weights(cell: Cell) -> dict[str, np.ndarray]:
    """The weights that there are, by name."""
    found = {name: getattr(cell, name) for name in ("kernel", "recurrent_kernel", "bias")}
    return {name: weight for name, weight in found.items() if weight is not None}


def _parts(cell: Cell, weight: str, values: np.ndarray, gate: Field, columns: slice):
    """One slice, or, of a bias of two rows, two."""
    letter = "" if cell.blocks == 1 else f"_{re.sub(r'[^a-z]|tilde', '', gate.symbol)}"
    written = _columns(gate)
    shown = {"kernel": "W", "recurrent_kernel": "U", "bias": "b"}[weight]
    if weight != "bias":
        index, expression = (slice(None), columns), f"{weight}[:, {written}]"
        yield Slice(weight, gate.name, shown + letter, expression, index, values[index].shape)
    elif values.ndim == 1:
        yield Slice(weight, gate.name, shown + letter, f"bias[{written}]", (columns,), values[columns].shape)
    else:
        for row, name in enumerate(("b", "d")):
            index = row, columns
            yield Slice(weight, gate.name, name + letter, f"bias[{row}, {written}]", index, values[index].shape)


# The picture

_LEFT, _WIDTH, _GAP = 150, 720, 8


def _picture(cell: Cell, gates: list[Field]) -> SVG:
    """The weights below each other, so that the same gate stands in the same columns."""
    weights = {name: np.atleast_2d(values) for name, values in _weights(cell).items()}
    # Wide enough for the heads, and no wider than the numbers need.
    block = max(100.0, min((_WIDTH - _LEFT) / cell.blocks - _GAP, 34.0 * cell.units))
    side = block / cell.units
    heights = {name: _height(values, side) for name, values in weights.items()}
    d = Drawing(max(340, _LEFT + cell.blocks * (block + _GAP)), 62 + sum(height + 40 for height in heights.values()))
    _heads(d, cell, gates, block)
    top = 66
    for name, values in weights.items():
        _rows_text(d, cell, name, values, top, heights[name])
        for k, gate in enumerate(gates):
            columns = values[:, k * cell.units:(k + 1) * cell.units]
            box = _LEFT + k * (block + _GAP), top, block, heights[name]
            if _drawn_apart(values):
                _numbers(d, columns, *box, gate.colour, float(np.abs(values).max()))
            else:
                _area(d, columns, *box, gate.colour)
        top += heights[name] + 40
    return d.svg(f"The weights of a {cell.kind} layer", _says(cell, gates, weights))


def _drawn_apart(values: np.ndarray) -> bool:
    return values.shape[0] <= MOST_ROWS and values.shape[1] <= MOST_COLUMNS


def _height(values: np.ndarray, side: float) -> float:
    row = min(24.0, max(side, 12.0))
    return row * values.shape[0] if _drawn_apart(values) else min(110.0, 24.0 + 4 * values.shape[0])


def _heads(d: Drawing, cell: Cell, gates: list[Field], block: float) -> None:
    """What each group of columns is, and its slice."""
    for k, gate in enumerate(gates):
        middle = _LEFT + k * (block + _GAP) + block / 2
        d.text(middle, 12, f"${gate.plain}_t$", gate.colour, 16)
        d.text(middle, 32, gate.name.replace("_", " "), gate.colour, 13, bold=True)
        d.text(middle, 50, _columns(gate) if cell.blocks > 1 else "all columns", "muted", 12)


def _rows_text(d: Drawing, cell: Cell, name: str, values: np.ndarray, top: float, height: float) -> None:
    """At the left of a weight: its name, its shape, what its rows are."""
    shape = getattr(cell, name).shape
    if name == "bias" and len(values) == 2:
        for row, reads in enumerate(("input", "recurrent")):
            middle = top + (row + 0.5) * height / 2
            d.text(_LEFT - 8, middle, f"bias[{row}], {reads}", "ink", 13, anchor="end", bold=True)
    else:
        d.text(_LEFT - 8, top + height / 2 - 1, name.replace("_", " "), "ink", 13, anchor="end", bold=True)
    d.text(_LEFT, top + height + 12, _shape_text(name, shape), "muted", 12, anchor="start")


def _shape_text(name: str, shape: tuple[int, ...]) -> str:
    rows = {"kernel": ", one row a feature", "recurrent_kernel": ", one row a unit"}.get(name, "")
    return f"{shape}{rows}"


def _numbers(d: Drawing, values, x, y, width, height, colour, most) -> None:
    """One gate's part of a weight: a box a number, the stronger the larger; a bar marks what is negative."""
    row, column = height / values.shape[0], width / values.shape[1]
    for (r, c), value in np.ndenumerate(values):
        strength = abs(float(value)) / most if most else 0.0
        if strength >= 0.01:
            d.rect(x + c * column, y + r * row, column, row, fill=colour, opacity=round(0.08 + 0.72 * strength, 2))
        if value < 0 and column >= 8:
            start, bar = x + (c + 0.5) * column - 6, 12
            d.path(f"M{number(start)} {number(y + (r + 0.5) * row)}h{bar}", stroke="ink", weight=1.2)
    d.rect(x, y, width, height, stroke=colour)


def _area(d: Drawing, values, x, y, width, height, colour) -> None:
    """The same of a weight too large to see its numbers: how many rows and columns."""
    d.rect(x, y, width, height, fill=colour, stroke=colour, opacity=0.2)
    d.text(x + width / 2, y + height / 2, f"{values.shape[0]} × {values.shape[1]}", colour, 13)


def _says(cell: Cell, gates: list[Field], weights: dict) -> str:
    """The picture in words."""
    parts = []
    for name, values in weights.items():
        shape = getattr(cell, name).shape
        rows = ", an input row and a recurrent row" if name == "bias" and len(values) == 2 else ""
        parts.append(f"{name} of shape {shape}{rows}")
    order = ", ".join(gate.name.replace("_", " ") for gate in gates)
    return (f"{'; '.join(parts)}. From left to right, {cell.units} columns each: {order}. "
            "In a small layer a box is one number: the stronger its colour, the larger; a bar marks a negative one.")
