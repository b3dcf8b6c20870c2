"""What the dialects share: layers that fit on each other, gates in rows, weights that are numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..activations import Array
from ..cells import Cell, GRUCell, LSTMCell, SimpleRNNCell

Layer = Cell | tuple[Cell, Cell]

CELLS = {"SimpleRNN": SimpleRNNCell, "LSTM": LSTMCell, "GRU": GRUCell}
_KERAS = {"SimpleRNN": "h", "LSTM": "ifco", "GRU": "zrh"}


def in_rows(cell: Cell, order: Mapping[str, str]) -> tuple[Array, Array, Array]:
    """A cell's kernel, recurrent kernel and two biases with a gate in rows, in another order of gates."""
    columns = cell.kernel, cell.recurrent_kernel, two_biases(cell)
    kernel, recurrent, bias = (_reordered(weight.T, _KERAS[cell.kind], order[cell.kind]) for weight in columns)
    return kernel, recurrent, np.ascontiguousarray(bias.T)


def cell_of_rows(kind: str, kernel: Array, recurrent: Array, bias: Array | None, order: Mapping[str, str], **options) -> Cell:
    """The way back: a cell from rows in another order, and two biases."""
    kernel, recurrent = (_reordered(weight, order[kind], _KERAS[kind]).T for weight in (kernel, recurrent))
    if bias is not None:
        bias = _reordered(bias.T, order[kind], _KERAS[kind]).T
        if kind != "GRU" or not options.get("reset_after", True):
            bias = bias.sum(axis=0)  # both are added outside any gate, so only the sum counts
    return CELLS[kind](kernel, recurrent, bias, **options)


def _reordered(weight: Array, order: str, wanted: str) -> Array:
    """Blocks of rows in another order."""
    blocks = np.split(weight, len(order))
    return np.ascontiguousarray(np.concatenate([blocks[order.index(gate)] for gate in wanted]))


def two_biases(cell: Cell) -> Array:
    """The bias of the input part and that of the recurrent part, (2, blocks * units); what Keras has not got is zero."""
    bias = np.zeros((2, cell.kernel.shape[1]), cell.dtype)
    if cell.bias is not None:
        bias[:1 if cell.bias.ndim == 1 else 2] = cell.bias
    return bias


def stack(cells) -> list[tuple[Cell, ...]]:
    """Layers, each a tuple of one or two cells, that fit on top of each other."""
    layers = [layer if isinstance(layer, tuple) else (layer,) for layer in (cells if isinstance(cells, list) else [cells])]
    if not layers:
        raise ValueError("cells is an empty list, but at least one layer is needed")
    for layer in layers:
        for cell in layer:
            if not isinstance(cell, Cell):
                raise TypeError(f"cells holds a {type(cell).__name__}, but a layer is a cell or a pair of cells; from a Keras "
                                "layer, use unrolled.from_keras(layer)")
            _finite_cell(cell)
        if len(layer) > 2:
            raise ValueError(f"a layer has {len(layer)} cells, but it is one cell, or a pair: forward, backward")
    first = layers[0][0]
    width = first.features
    for depth, layer in enumerate(layers):
        for cell in layer:
            for what in ("kind", "dtype"):
                if getattr(cell, what) != getattr(first, what):
                    raise ValueError(f"layer {depth} has the {what} {getattr(cell, what)}, but layer 0 has "
                                     f"{getattr(first, what)}")
            if cell.units != layer[0].units:
                raise ValueError(f"layer {depth} has {layer[0].units} and {cell.units} units in its two directions; they must "
                                 "be the same")
            if cell.features != width:
                raise ValueError(f"layer {depth} takes {cell.features} features, but {width} come from below")
        width = len(layer) * layer[0].units
    return layers


def unstack(layers: list[tuple[Cell, ...]]) -> list[Layer]:
    return [layer[0] if len(layer) == 1 else layer for layer in layers]


def activation_names(cell: Cell) -> list[str]:
    """In ONNX's order."""
    if cell.kind == "SimpleRNN":
        return [cell.activation]
    return [cell.recurrent_activation, *[cell.activation] * (2 if cell.kind == "LSTM" else 1)]


def named_activations(cell: Cell) -> str:
    names = [f"{name}={getattr(cell, name)!r}" for name in ("activation", "recurrent_activation") if hasattr(cell, name)]
    return " and ".join(names)


def finite(name: str, value) -> Array:
    """An array of float32 or float64 without NaN, of an array or of a tensor of PyTorch or JAX."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    dtype = str(value.dtype).removeprefix("torch.") if hasattr(value, "dtype") else type(value).__name__
    if dtype not in ("float32", "float64"):
        raise TypeError(f"{name} is of {dtype}, but weights are float32 or float64; convert it first")
    array = np.asarray(value)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity in {np.count_nonzero(~np.isfinite(array))} of {array.size} places")
    return array


def _finite_cell(cell: Cell) -> None:
    for name in ("kernel", "recurrent_kernel", "bias"):
        if getattr(cell, name) is not None:
            finite(name, getattr(cell, name))
