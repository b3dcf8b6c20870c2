"""Weights as the state dict of a ``torch.nn.RNN``, ``LSTM`` or ``GRU``, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..activations import Array
from ..cells import Cell
from .common import CELLS, Layer, cell_of_rows, finite, in_rows, named_activations, stack, unstack

_ORDER = {"SimpleRNN": "h", "LSTM": "ifco", "GRU": "rzh"}  # torch/nn/modules/rnn.py, where c is g and h is n


def to_torch(cells: Layer | Sequence[Layer]) -> dict[str, Array]:
    """The state dict of a ``torch.nn.RNN``, ``LSTM`` or ``GRU``, as arrays.

    Load it with ``module.load_state_dict({name: torch.from_numpy(a) for name, a in found.items()})``.

    Parameters
    ----------
    cells : cell, pair of cells, or list of these
        One layer, one layer of two directions, or several layers.

    Returns
    -------
    dict
        ``weight_ih_l0`` (blocks * units, features), ``weight_hh_l0`` (blocks * units, units), ``bias_ih_l0`` and
        ``bias_hh_l0`` (blocks * units,), with ``_reverse`` for the second direction; none of the biases if no cell has one.

    Raises
    ------
    TypeError
        If ``cells`` holds something else.
    ValueError
        If PyTorch has no such layer: a GRU that resets before the product, another activation, layers of different sizes.

    Notes
    -----
    Source: ``torch/nn/modules/rnn.py``. It adds two biases where Keras's SimpleRNN and LSTM have one: the second is zero.
    """
    layers = stack(cells)
    _check_torch(layers)
    with_bias = any(cell.bias is not None for layer in layers for cell in layer)
    found = {}
    for depth, layer in enumerate(layers):
        for cell, suffix in zip(layer, ("", "_reverse")):
            name = f"l{depth}{suffix}"
            kernel, recurrent, bias = in_rows(cell, _ORDER)
            found |= {f"weight_ih_{name}": kernel, f"weight_hh_{name}": recurrent}
            if with_bias:
                found |= {f"bias_ih_{name}": bias[0], f"bias_hh_{name}": bias[1]}
    return found


def from_torch(state, kind: str | None = None, *, prefix: str = "", nonlinearity: str = "tanh") -> list[Layer]:
    """The cells of a ``torch.nn.RNN``, ``LSTM`` or ``GRU``.

    Parameters
    ----------
    state : mapping or torch.nn.Module
        A state dict of arrays or tensors; of a module, its own is taken.
    kind : {"SimpleRNN", "LSTM", "GRU"}, optional
        Told from the shapes if not given.
    prefix : str
        What stands before the names, for a layer within a model: ``"encoder.lstm."``. Other entries are then left alone.
    nonlinearity : {"tanh", "relu"}
        Of a ``torch.nn.RNN``, whose state dict does not say.

    Returns
    -------
    list
        The layers; each a cell, or a pair of cells for two directions. A GRU resets after the product.

    Raises
    ------
    TypeError
        If an entry is of another dtype than float32 or float64.
    ValueError
        If an entry is missing, left over, misshapen or not finite, or the module is a projected LSTM.
    """
    if hasattr(state, "state_dict"):
        nonlinearity = getattr(state, "nonlinearity", nonlinearity)
        state = state.state_dict()
    if not isinstance(state, Mapping):
        raise TypeError(f"state is a {type(state).__name__}, but from_torch takes a state dict or a module of PyTorch")
    state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    if "weight_ih_l0" not in state:
        raise ValueError(f"weight_ih_l0 is missing{f' after {prefix!r}' if prefix else ''}: there are "
                         f"{', '.join(sorted(state)) or 'no entries'}; for a layer within a model give prefix")
    state = {name: finite(name, value) for name, value in state.items()}
    kind = _torch_kind(state, kind)
    used: set[str] = set()
    layers = []
    while f"weight_ih_l{len(layers)}" in state:
        names = [f"l{len(layers)}", f"l{len(layers)}_reverse"][:2 if "weight_ih_l0_reverse" in state else 1]
        layers.append(tuple(_torch_cell(state, name, kind, nonlinearity, used) for name in names))
    if left := sorted(set(state) - used):
        why = "; a projected LSTM (proj_size) has no counterpart in Keras" if any("weight_hr" in n for n in left) else ""
        raise ValueError(f"left over: {', '.join(left)}{why}")
    return unstack(layers)


def _torch_kind(state: Mapping[str, Array], kind: str | None) -> str:
    """The kind, from how many times the rows hold the hidden size."""
    if kind is not None and kind not in CELLS:
        raise ValueError(f"kind is {kind!r}, but there are {', '.join(CELLS)}")
    if "weight_hh_l0" not in state:
        raise ValueError(f"weight_hh_l0 is missing: there are {', '.join(sorted(state))}")
    if any("weight_hr" in name for name in state):
        raise ValueError("weight_hr_l0 is there: a projected LSTM (proj_size) has no counterpart in Keras; train one without")
    shape = state["weight_hh_l0"].shape
    units = shape[1] if len(shape) == 2 else 0
    told = {cell.blocks * units: name for name, cell in CELLS.items()}.get(shape[0]) if units else None
    if told is None:
        raise ValueError(f"weight_hh_l0 has shape {shape}, but of {units} units an RNN has {units} rows, a GRU {3 * units}, "
                         f"an LSTM {4 * units}")
    if kind not in (None, told):
        raise ValueError(f"kind is {kind!r}, but weight_hh_l0 has shape {shape}, which is that of a {told}")
    return told


def _torch_cell(state: Mapping[str, Array], name: str, kind: str, nonlinearity: str, used: set[str]) -> Cell:
    units, rows = state["weight_hh_l0"].shape[1], state["weight_hh_l0"].shape[0]
    shapes = {f"weight_ih_{name}": (rows, None), f"weight_hh_{name}": (rows, units)}
    if any(entry.startswith("bias_") for entry in state):
        shapes |= {f"bias_ih_{name}": (rows,), f"bias_hh_{name}": (rows,)}
    for entry, shape in shapes.items():
        if entry not in state:
            raise ValueError(f"{entry} is missing: there are {', '.join(sorted(state))}")
        given = state[entry].shape
        if len(given) != len(shape) or any(a not in (None, b) for a, b in zip(shape, given)):
            raise ValueError(f"{entry} has shape {given}, but a {kind} of {units} units takes "
                             f"{str(shape).replace('None', 'features')}")
    used |= set(shapes)
    kernel, recurrent, *biases = (state[entry] for entry in shapes)
    options = {"activation": nonlinearity} if kind == "SimpleRNN" else {}
    return cell_of_rows(kind, kernel, recurrent, np.stack(biases) if biases else None, _ORDER, **options)


def _check_torch(layers: list[tuple[Cell, ...]]) -> None:
    first = layers[0][0]
    for layer in layers:
        for cell in layer:
            if cell.kind == "GRU" and not cell.reset_after:
                raise ValueError("the GRU has reset_after=False, but PyTorch and cuDNN reset after the product only, and no "
                                 "change of weights makes up for it; train the Keras layer with reset_after=True, or use ONNX")
            allowed = ("tanh", "relu") if cell.kind == "SimpleRNN" else ("tanh",)
            if cell.activation not in allowed or getattr(cell, "recurrent_activation", "sigmoid") != "sigmoid":
                raise ValueError(f"the {cell.kind} has {named_activations(cell)}, but PyTorch's has {' or '.join(allowed)}"
                                 f"{'' if cell.kind == 'SimpleRNN' else ' and sigmoid'} only")
            if cell.units != first.units or len(layer) != len(layers[0]):
                raise ValueError("the layers differ in units or directions, but those of one PyTorch module are alike: make one "
                                 "module a layer, with to_torch(cell) for each")
            if cell.activation != first.activation:
                raise ValueError("the layers differ in their activation, but those of one PyTorch module are alike")
