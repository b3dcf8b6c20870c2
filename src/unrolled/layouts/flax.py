"""Weights as the parameters of Flax's SimpleCell, LSTMCell and GRUCell, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..cells import Cell
from .common import CELLS, Layer, finite, named_activations, stack, two_biases, unstack

def to_jax(cells: Layer | Sequence[Layer]) -> list:
    """The parameters of Flax's ``SimpleCell``, ``LSTMCell`` (or ``OptimizedLSTMCell``) and ``GRUCell``, as nested dicts.

    Parameters
    ----------
    cells : cell, pair of cells, or list of these
        As for :func:`to_torch`.

    Returns
    -------
    list
        A layer each: its parameters, or a pair of them for two directions. ``{"params": found[0]}`` is what
        ``flax.linen.LSTMCell(units).apply`` takes.

    Raises
    ------
    TypeError
        If ``cells`` holds something else.
    ValueError
        If Flax has no such cell (a GRU that resets before the product), or the parameters cannot say which activation it has.

    Notes
    -----
    Source: ``flax/linen/recurrent.py``. Flax's GRU has one bias for z and one for r, where Keras has two that are added:
    the sum is carried, so coming back, the two rows are another split of the same.
    """
    found = [tuple(_flax_parameters(cell) for cell in layer) for layer in stack(cells)]
    return [layer[0] if len(layer) == 1 else layer for layer in found]


def from_jax(parameters) -> list[Layer]:
    """The cells of Flax's ``SimpleCell``, ``LSTMCell``, ``OptimizedLSTMCell`` and ``GRUCell``.

    Parameters
    ----------
    parameters : mapping, pair of mappings, or list of these
        What a cell's ``init`` gives under ``"params"``: one layer, one layer of two directions, or several layers.

    Returns
    -------
    list
        The layers; each a cell, or a pair of cells.

    Raises
    ------
    TypeError
        If an entry is of another dtype than float32 or float64.
    ValueError
        If an entry is missing, left over, misshapen or not finite.
    """
    layers = parameters if isinstance(parameters, list) else [parameters]
    pairs = [layer if isinstance(layer, tuple) else (layer,) for layer in layers]
    return unstack(stack(unstack([tuple(_flax_cell(p) for p in pair) for pair in pairs])))


#: Flax's names for the blocks, in Keras's order, and which of input and recurrent part has the bias.
_FLAX = {"SimpleRNN": ([""], [("i",)]), "LSTM": (list("ifgo"), [("h",)] * 4),
         "GRU": (["z", "r", "n"], [("i",), ("i",), ("i", "h")])}


def _flax_parameters(cell: Cell) -> dict:
    if cell.kind == "GRU" and not cell.reset_after:
        raise ValueError("the GRU has reset_after=False, but Flax's GRUCell resets after the product only, and no change of "
                         "weights makes up for it; train the Keras layer with reset_after=True, or use ONNX")
    if cell.activation != "tanh" or getattr(cell, "recurrent_activation", "sigmoid") != "sigmoid":
        raise ValueError(f"the {cell.kind} has {named_activations(cell)}, which Flax's parameters do not say: give the Flax "
                         "cell activation_fn and gate_fn, and convert a cell with the default ones")
    names, biased = _FLAX[cell.kind]
    bias = two_biases(cell)
    if cell.kind == "GRU":  # z and r have one bias, the sum
        both = slice(0, 2 * cell.units)
        bias[0, both], bias[1, both] = bias[:, both].sum(axis=0), 0
    elif cell.kind == "LSTM":
        bias = bias[::-1]  # it stands with the recurrent part
    found = {}
    for part, weight, row in (("i", cell.kernel, bias[0]), ("h", cell.recurrent_kernel, bias[1])):
        for name, parts, columns, b in zip(names, biased, np.split(weight, cell.blocks, axis=1), np.split(row, cell.blocks)):
            found[part + name] = {"kernel": columns.copy()} | ({"bias": b.copy()} if part in parts else {})
    return found


def _flax_cell(parameters) -> Cell:
    if not isinstance(parameters, Mapping):
        raise TypeError(f"parameters holds a {type(parameters).__name__}, but from_jax takes Flax's nested dicts")
    parameters = parameters.get("params", parameters)
    kind = next((kind for kind, (names, _) in _FLAX.items() if {f"i{n}" for n in names} <= set(parameters)), None)
    if kind is None:
        raise ValueError(f"the parameters are {', '.join(map(str, parameters)) or 'empty'}, but Flax's SimpleCell has i, h; its "
                         "LSTMCell ii, if, ig, io, hi, hf, hg, ho; its GRUCell iz, ir, in, hz, hr, hn")
    names, biased = _FLAX[kind]
    expected = {part + name: {"kernel", "bias"} if part in parts else {"kernel"}
                for part in "ih" for name, parts in zip(names, biased)}
    for name, entries in expected.items():
        if set(parameters.get(name, {})) != entries:
            raise ValueError(f"{name} has {', '.join(sorted(parameters.get(name, {}))) or 'nothing'}, but Flax's {kind} has "
                             f"{', '.join(sorted(entries))} there")
    if left := sorted(set(parameters) - set(expected)):
        raise ValueError(f"left over: {', '.join(left)}; Flax's {kind} has {', '.join(expected)}")
    arrays = {f"{name}.{entry}": finite(f"{name}.{entry}", parameters[name][entry])
              for name, entries in expected.items() for entry in entries}
    units = arrays[f"h{names[0]}.kernel"].shape[-1]
    features = arrays[f"i{names[0]}.kernel"].shape[0]
    for name, array in arrays.items():
        shape = (units,) if name.endswith("bias") else (features if name[0] == "i" else units, units)
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, but expected {shape}")
    kernel, recurrent = (np.concatenate([arrays[f"{part}{n}.kernel"] for n in names], axis=1) for part in "ih")
    zero = np.zeros(units, kernel.dtype)
    bias = np.stack([np.concatenate([arrays.get(f"{part}{n}.bias", zero) for n in names]) for part in "ih"])
    return CELLS[kind](kernel, recurrent, bias if kind == "GRU" else bias.sum(axis=0))
