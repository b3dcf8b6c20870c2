"""Weights in the layouts of PyTorch, ONNX and Flax, both ways: plain arrays in, cells out, and back.

A cell is one layer. A **list** is layers, from the input up; a **tuple** of two cells is one layer that runs in both
directions, forward and backward. What comes from another dialect is always a list. No framework is imported.

Keras keeps a gate in columns, the others in rows, and each has its own order of gates. What a dialect cannot express is
an error, never another model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .activations import Array
from .cells import Cell, GRUCell, LSTMCell, SimpleRNNCell

Layer = Cell | tuple[Cell, Cell]

_CELLS = {"SimpleRNN": SimpleRNNCell, "LSTM": LSTMCell, "GRU": GRUCell}
_KERAS = {"SimpleRNN": "h", "LSTM": "ifco", "GRU": "zrh"}
_TORCH = {"SimpleRNN": "h", "LSTM": "ifco", "GRU": "rzh"}  # torch/nn/modules/rnn.py, where c is g and h is n
_ONNX = {"SimpleRNN": "h", "LSTM": "iofc", "GRU": "zrh"}  # onnx/defs/rnn/defs.cc
_OPERATORS = {"SimpleRNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
_KINDS = {operator: kind for kind, operator in _OPERATORS.items()}


# PyTorch

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
    layers = _stack(cells)
    _check_torch(layers)
    with_bias = any(cell.bias is not None for layer in layers for cell in layer)
    found = {}
    for depth, layer in enumerate(layers):
        for cell, suffix in zip(layer, ("", "_reverse")):
            name = f"l{depth}{suffix}"
            kernel, recurrent, bias = _rows(cell, _TORCH)
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
    state = {name: _finite(name, value) for name, value in state.items()}
    kind = _torch_kind(state, kind)
    used: set[str] = set()
    layers = []
    while f"weight_ih_l{len(layers)}" in state:
        names = [f"l{len(layers)}", f"l{len(layers)}_reverse"][:2 if "weight_ih_l0_reverse" in state else 1]
        layers.append(tuple(_torch_cell(state, name, kind, nonlinearity, used) for name in names))
    if left := sorted(set(state) - used):
        why = "; a projected LSTM (proj_size) has no counterpart in Keras" if any("weight_hr" in n for n in left) else ""
        raise ValueError(f"left over: {', '.join(left)}{why}")
    return _unstack(layers)


def _torch_kind(state: Mapping[str, Array], kind: str | None) -> str:
    """The kind, from how many times the rows hold the hidden size."""
    if kind is not None and kind not in _CELLS:
        raise ValueError(f"kind is {kind!r}, but there are {', '.join(_CELLS)}")
    if "weight_hh_l0" not in state:
        raise ValueError(f"weight_hh_l0 is missing: there are {', '.join(sorted(state))}")
    if any("weight_hr" in name for name in state):
        raise ValueError("weight_hr_l0 is there: a projected LSTM (proj_size) has no counterpart in Keras; train one without")
    shape = state["weight_hh_l0"].shape
    units = shape[1] if len(shape) == 2 else 0
    told = {cell.blocks * units: name for name, cell in _CELLS.items()}.get(shape[0]) if units else None
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
    return _cell(kind, kernel, recurrent, np.stack(biases) if biases else None, _TORCH, **options)


def _check_torch(layers: list[tuple[Cell, ...]]) -> None:
    first = layers[0][0]
    for layer in layers:
        for cell in layer:
            if cell.kind == "GRU" and not cell.reset_after:
                raise ValueError("the GRU has reset_after=False, but PyTorch and cuDNN reset after the product only, and no change "
                                 "of weights makes up for it; train the Keras layer with reset_after=True, or use ONNX")
            allowed = ("tanh", "relu") if cell.kind == "SimpleRNN" else ("tanh",)
            if cell.activation not in allowed or getattr(cell, "recurrent_activation", "sigmoid") != "sigmoid":
                raise ValueError(f"the {cell.kind} has {_activations(cell)}, but PyTorch's has {' or '.join(allowed)}"
                                 f"{'' if cell.kind == 'SimpleRNN' else ' and sigmoid'} only")
            if cell.units != first.units or len(layer) != len(layers[0]):
                raise ValueError("the layers differ in units or directions, but those of one PyTorch module are alike: make one "
                                 "module a layer, with to_torch(cell) for each")
            if cell.activation != first.activation:
                raise ValueError("the layers differ in their activation, but those of one PyTorch module are alike")


# ONNX

@dataclass(frozen=True, eq=False, repr=False)
class OnnxLayer:
    """One node of ONNX's RNN, LSTM or GRU operator: its weights, and its attributes.

    Attributes
    ----------
    op_type : str
        ``"RNN"``, ``"LSTM"`` or ``"GRU"``.
    W, R : array, shape (directions, blocks * units, features) and (directions, blocks * units, units)
    B : array, shape (directions, 2 * blocks * units), or None
    attributes : dict
        For ``onnx.helper.make_node(op_type, ["X", "W", "R", "B"], ["Y"], **attributes)``.
    """

    op_type: str
    W: Array
    R: Array
    B: Array | None
    attributes: dict = field(default_factory=dict)

    def __repr__(self):
        return f"OnnxLayer({self.op_type}, W={self.W.shape}, R={self.R.shape}, {self.attributes})"


#: Keras's name, ONNX's, and ONNX's alpha and beta that make the two the same; None where it takes none.
_ONNX_ACTIVATIONS = (("tanh", "Tanh", None, None), ("sigmoid", "Sigmoid", None, None), ("relu", "Relu", None, None),
                     ("linear", "Affine", 1.0, 0.0), ("hard_sigmoid", "HardSigmoid", 1 / 6, 0.5),
                     ("leaky_relu", "LeakyRelu", 0.2, None), ("elu", "Elu", 1.0, None), ("softsign", "Softsign", None, None),
                     ("softplus", "Softplus", None, None))
#: ONNX's own alpha and beta, where a node gives none.
_ONNX_DEFAULTS = {"Affine": (1.0, 0.0), "HardSigmoid": (0.2, 0.5), "LeakyRelu": (0.01, None), "Elu": (1.0, None)}


def to_onnx(cells: Layer | Sequence[Layer]) -> list[OnnxLayer]:
    """Each layer as a node of ONNX.

    Parameters
    ----------
    cells : cell, pair of cells, or list of these
        As for :func:`to_torch`.

    Returns
    -------
    list of OnnxLayer
        ONNX stacks no layers in a node; between two of them Y has to be brought to the shape of X.

    Raises
    ------
    TypeError
        If ``cells`` holds something else.
    ValueError
        If an activation has no counterpart in ONNX.

    Notes
    -----
    Source: the operators' schemas, ``onnx/defs/rnn/defs.cc``. Keras's one bias of SimpleRNN and LSTM is ``Wb``; ``Rb`` is zero.
    """
    found = []
    for layer in _stack(cells):
        first = layer[0]
        attributes = {"hidden_size": first.units, "direction": "forward" if len(layer) == 1 else "bidirectional",
                      **_onnx_activations(layer)}
        if first.kind == "GRU":
            attributes["linear_before_reset"] = int(first.reset_after)
        rows = [_rows(cell, _ONNX) for cell in layer]
        W, R, B = (np.stack(arrays) for arrays in zip(*rows))
        bias = None if all(cell.bias is None for cell in layer) else B.reshape(len(layer), -1)
        found.append(OnnxLayer(_OPERATORS[first.kind], W, R, bias, attributes))
    return found


def from_onnx(node, arrays: Mapping[str, Array] | None = None) -> list[Layer]:
    """The cells of one node of ONNX's RNN, LSTM or GRU operator.

    Parameters
    ----------
    node : OnnxLayer or onnx.NodeProto
        A node of direction ``reverse`` gives its cell; run it with ``go_backwards=True``, and turn the output.
    arrays : mapping, optional
        For a NodeProto: the arrays of its weights by name, or the graph's ``initializer``.

    Returns
    -------
    list
        One layer: a cell, or a pair of cells for two directions.

    Raises
    ------
    TypeError
        If a weight is of another dtype than float32 or float64.
    ValueError
        If Keras has no such layer (peepholes, ``clip``, ``input_forget``, activations), or a weight is missing, misshapen
        or not finite.
    """
    layer = node if isinstance(node, OnnxLayer) else _onnx_layer(node, arrays)
    if layer.op_type not in _KINDS:
        raise ValueError(f"the node's operator is {layer.op_type}, but from_onnx takes {', '.join(_KINDS)}")
    kind, settings = _KINDS[layer.op_type], layer.attributes
    if settings.get("clip"):
        raise ValueError(f"the node clips at {settings['clip']:g}, and Keras's layers do not clip what goes into a gate")
    if settings.get("input_forget"):
        raise ValueError("the node has input_forget=1, which couples the input and the forget gate; Keras's LSTM does not")
    directions = {"forward": 1, "reverse": 1, "bidirectional": 2}.get(settings.get("direction", "forward"))
    if directions is None:
        raise ValueError(f"the node's direction is {settings['direction']!r}, but ONNX has forward, reverse and bidirectional")
    W, R, B = _check_onnx(layer, kind, directions)
    names = _keras_activations(kind, settings, directions)
    cells = []
    for d in range(directions):
        options = dict(names[d])
        if kind == "GRU":
            options["reset_after"] = bool(settings.get("linear_before_reset", 0))
        cells.append(_cell(kind, W[d], R[d], None if B is None else B[d].reshape(2, -1), _ONNX, **options))
    return _unstack([tuple(cells)])


def _onnx_layer(node, arrays) -> OnnxLayer:
    """A NodeProto's weights and attributes."""
    import onnx

    if not hasattr(node, "op_type"):
        raise TypeError(f"node is a {type(node).__name__}, but from_onnx takes an OnnxLayer or an onnx.NodeProto")
    if arrays is not None and not isinstance(arrays, Mapping):
        arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in arrays}
    inputs = dict(zip(("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"), node.input))
    if inputs.get("P"):
        raise ValueError("the node has peephole weights P, and Keras's LSTM has no peepholes; train one without")
    found = {}
    for name in ("W", "R", "B"):
        given = inputs.get(name)
        if given and given not in (arrays or {}):
            raise ValueError(f"the node's {name} is {given!r}, which is not among the arrays: {', '.join(arrays or {}) or 'none given'}")
        found[name] = arrays[given] if given else None
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    decoded = {name: value.decode() if isinstance(value, bytes) else value for name, value in attributes.items()}
    if "activations" in decoded:
        decoded["activations"] = [a.decode() if isinstance(a, bytes) else a for a in decoded["activations"]]
    return OnnxLayer(node.op_type, found["W"], found["R"], found["B"], decoded)


def _check_onnx(layer: OnnxLayer, kind: str, directions: int) -> tuple[Array, Array, Array | None]:
    """The weights, with the shapes that the schema has."""
    if layer.W is None or layer.R is None:
        raise ValueError(f"the node's {'W' if layer.W is None else 'R'} is missing")
    W, R = _finite("W", layer.W), _finite("R", layer.R)
    B = None if layer.B is None else _finite("B", layer.B)
    units = layer.attributes.get("hidden_size", R.shape[-1])
    rows = _CELLS[kind].blocks * units
    features = W.shape[2] if W.ndim == 3 else "features"
    for name, array, shape in (("W", W, (directions, rows, features)), ("R", R, (directions, rows, units)),
                               ("B", B, (directions, 2 * rows))):
        if array is not None and array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, but ONNX's {layer.op_type} of {units} units and {directions} "
                             f"direction(s) takes {shape}".replace("'", ""))
    return W, R, B


def _onnx_activations(layer: tuple[Cell, ...]) -> dict:
    """The attributes that name the activations: ONNX's order is the gates', the candidate's, and for an LSTM the cell's."""
    table = {keras: row for keras, *row in _ONNX_ACTIVATIONS}
    found = []
    for cell in layer:
        for name in _activation_names(cell):
            if name not in table:
                raise ValueError(f"the {cell.kind} has {_activations(cell)}, but ONNX knows {', '.join(table)}")
            found.append(table[name])
    attributes: dict = {"activations": [name for name, _, _ in found]}
    if any(alpha is not None for _, alpha, _ in found):  # one for each function: ONNX Runtime counts so
        attributes["activation_alpha"] = [alpha or 0.0 for _, alpha, _ in found]
        attributes["activation_beta"] = [beta or 0.0 for _, _, beta in found]
    return attributes


def _keras_activations(kind: str, settings: Mapping, directions: int) -> list[dict[str, str]]:
    """For each direction, the activations as a cell names them."""
    defaults = {"SimpleRNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}[kind]
    given = list(settings.get("activations") or defaults * directions)
    if len(given) != len(defaults) * directions:
        raise ValueError(f"the node has {len(given)} activations, but {len(defaults) * directions} are expected")
    alphas, betas = (_scalings(given, settings.get(f"activation_{which}"), place) for place, which in enumerate(("alpha", "beta")))
    names = [_keras_activation(*scaled) for scaled in zip(given, alphas, betas)]
    found = []
    for d in range(directions):
        own = names[d * len(defaults):(d + 1) * len(defaults)]
        if kind == "LSTM" and own[1] != own[2]:
            raise ValueError(f"the node's LSTM has {own[1]} for the candidate and {own[2]} for the cell, but Keras's has one for both")
        found.append({"activation": own[0]} if kind == "SimpleRNN" else {"recurrent_activation": own[0], "activation": own[1]})
    return found


def _scalings(activations: list[str], given, place: int) -> list[float | None]:
    """Alpha (place 0) or beta (1) of each activation: given one for each, or one for each that takes one, or not at all."""
    takes = [_ONNX_DEFAULTS.get(name, (None, None))[place] is not None for name in activations]
    if not given:
        return [_ONNX_DEFAULTS.get(name, (None, None))[place] for name in activations]
    if len(given) not in (len(activations), sum(takes)):
        raise ValueError(f"the node has {len(given)} value(s) of activation_{('alpha', 'beta')[place]} for {', '.join(activations)}")
    values = iter(given)
    whole = len(given) == len(activations)
    return [value if take else None for take in takes for value in [next(values) if whole or take else None]]


def _keras_activation(name: str, alpha: float | None, beta: float | None) -> str:
    for keras, onnx_name, a, b in _ONNX_ACTIVATIONS:
        same = all(w is None or np.isclose(g, w, rtol=1e-6) for g, w in ((alpha, a), (beta, b)))
        if onnx_name.lower() == name.lower() and same:
            return keras
    scaled = "" if alpha is None else f" with alpha {alpha:g}" + ("" if beta is None else f" and beta {beta:g}")
    raise ValueError(f"the node has the activation {name}{scaled}, which is none of Keras's here")


# Flax

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
    found = [tuple(_flax_parameters(cell) for cell in layer) for layer in _stack(cells)]
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
    return _unstack(_stack(_unstack([tuple(_flax_cell(p) for p in pair) for pair in pairs])))


#: Flax's names for the blocks, in Keras's order, and which of input and recurrent part has the bias.
_FLAX = {"SimpleRNN": ([""], [("i",)]), "LSTM": (list("ifgo"), [("h",)] * 4),
         "GRU": (["z", "r", "n"], [("i",), ("i",), ("i", "h")])}


def _flax_parameters(cell: Cell) -> dict:
    if cell.kind == "GRU" and not cell.reset_after:
        raise ValueError("the GRU has reset_after=False, but Flax's GRUCell resets after the product only, and no change of weights "
                         "makes up for it; train the Keras layer with reset_after=True, or use ONNX")
    if cell.activation != "tanh" or getattr(cell, "recurrent_activation", "sigmoid") != "sigmoid":
        raise ValueError(f"the {cell.kind} has {_activations(cell)}, which Flax's parameters do not say: give the Flax cell "
                         "activation_fn and gate_fn, and convert a cell with the default ones")
    names, biased = _FLAX[cell.kind]
    bias = _two_biases(cell)
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
    expected = {part + name: {"kernel"} | ({"bias"} if part in parts else set()) for part in "ih" for name, parts in zip(names, biased)}
    for name, entries in expected.items():
        if set(parameters.get(name, {})) != entries:
            raise ValueError(f"{name} has {', '.join(sorted(parameters.get(name, {}))) or 'nothing'}, but Flax's {kind} has "
                             f"{', '.join(sorted(entries))} there")
    if left := sorted(set(parameters) - set(expected)):
        raise ValueError(f"left over: {', '.join(left)}; Flax's {kind} has {', '.join(expected)}")
    arrays = {f"{name}.{entry}": _finite(f"{name}.{entry}", parameters[name][entry]) for name, entries in expected.items() for entry in entries}
    units = arrays[f"h{names[0]}.kernel"].shape[-1]
    features = arrays[f"i{names[0]}.kernel"].shape[0]
    for name, array in arrays.items():
        shape = (units,) if name.endswith("bias") else (features if name[0] == "i" else units, units)
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, but expected {shape}")
    kernel, recurrent = (np.concatenate([arrays[f"{part}{n}.kernel"] for n in names], axis=1) for part in "ih")
    zero = np.zeros(units, kernel.dtype)
    bias = np.stack([np.concatenate([arrays.get(f"{part}{n}.bias", zero) for n in names]) for part in "ih"])
    return _CELLS[kind](kernel, recurrent, bias if kind == "GRU" else bias.sum(axis=0))


# What they share

def _rows(cell: Cell, order: Mapping[str, str]) -> tuple[Array, Array, Array]:
    """A cell's kernel, recurrent kernel and two biases with a gate in rows, in another order of gates."""
    columns = cell.kernel, cell.recurrent_kernel, _two_biases(cell)
    kernel, recurrent, bias = (_reordered(weight.T, _KERAS[cell.kind], order[cell.kind]) for weight in columns)
    return kernel, recurrent, np.ascontiguousarray(bias.T)


def _cell(kind: str, kernel: Array, recurrent: Array, bias: Array | None, order: Mapping[str, str], **options) -> Cell:
    """The way back: a cell from rows in another order, and two biases."""
    kernel, recurrent = (_reordered(weight, order[kind], _KERAS[kind]).T for weight in (kernel, recurrent))
    if bias is not None:
        bias = _reordered(bias.T, order[kind], _KERAS[kind]).T
        if kind != "GRU" or not options.get("reset_after", True):
            bias = bias.sum(axis=0)  # both are added outside any gate, so only the sum counts
    return _CELLS[kind](kernel, recurrent, bias, **options)


def _reordered(weight: Array, order: str, wanted: str) -> Array:
    """Blocks of rows in another order."""
    blocks = np.split(weight, len(order))
    return np.ascontiguousarray(np.concatenate([blocks[order.index(gate)] for gate in wanted]))


def _two_biases(cell: Cell) -> Array:
    """The bias of the input part and that of the recurrent part, (2, blocks * units); what Keras has not got is zero."""
    bias = np.zeros((2, cell.kernel.shape[1]), cell.dtype)
    if cell.bias is not None:
        bias[:1 if cell.bias.ndim == 1 else 2] = cell.bias
    return bias


def _stack(cells) -> list[tuple[Cell, ...]]:
    """Layers, each a tuple of one or two cells, that fit on top of each other."""
    layers = [layer if isinstance(layer, tuple) else (layer,) for layer in (cells if isinstance(cells, list) else [cells])]
    if not layers:
        raise ValueError("cells is an empty list, but at least one layer is needed")
    for layer in layers:
        for cell in layer:
            if not isinstance(cell, Cell):
                raise TypeError(f"cells holds a {type(cell).__name__}, but a layer is a cell or a pair of cells; from a Keras layer, "
                                "use unrolled.from_keras(layer)")
            _finite_cell(cell)
        if len(layer) > 2:
            raise ValueError(f"a layer has {len(layer)} cells, but it is one cell, or a pair: forward, backward")
    first = layers[0][0]
    width = first.features
    for depth, layer in enumerate(layers):
        for cell in layer:
            for what in ("kind", "dtype"):
                if getattr(cell, what) != getattr(first, what):
                    raise ValueError(f"layer {depth} has the {what} {getattr(cell, what)}, but layer 0 has {getattr(first, what)}")
            if cell.units != layer[0].units:
                raise ValueError(f"layer {depth} has {layer[0].units} and {cell.units} units in its two directions; they must be the same")
            if cell.features != width:
                raise ValueError(f"layer {depth} takes {cell.features} features, but {width} come from below")
        width = len(layer) * layer[0].units
    return layers


def _unstack(layers: list[tuple[Cell, ...]]) -> list[Layer]:
    return [layer[0] if len(layer) == 1 else layer for layer in layers]


def _activation_names(cell: Cell) -> list[str]:
    """In ONNX's order."""
    if cell.kind == "SimpleRNN":
        return [cell.activation]
    return [cell.recurrent_activation, *[cell.activation] * (2 if cell.kind == "LSTM" else 1)]


def _activations(cell: Cell) -> str:
    names = [f"{name}={getattr(cell, name)!r}" for name in ("activation", "recurrent_activation") if hasattr(cell, name)]
    return " and ".join(names)


def _finite(name: str, value) -> Array:
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
            _finite(name, getattr(cell, name))
