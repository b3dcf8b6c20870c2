"""Weights as nodes of ONNX's RNN, LSTM and GRU operators, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..activations import Array
from ..cells import Cell
from .common import CELLS, Layer, activation_names, cell_of_rows, finite, in_rows, named_activations, stack, unstack

_ORDER = {"SimpleRNN": "h", "LSTM": "iofc", "GRU": "zrh"}  # onnx/defs/rnn/defs.cc
_OPERATORS = {"SimpleRNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
_KINDS = {operator: kind for kind, operator in _OPERATORS.items()}


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
    for layer in stack(cells):
        first = layer[0]
        attributes = {"hidden_size": first.units, "direction": "forward" if len(layer) == 1 else "bidirectional",
                      **_onnx_activations(layer)}
        if first.kind == "GRU":
            attributes["linear_before_reset"] = int(first.reset_after)
        rows = [in_rows(cell, _ORDER) for cell in layer]
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
        cells.append(cell_of_rows(kind, W[d], R[d], None if B is None else B[d].reshape(2, -1), _ORDER, **options))
    return unstack([tuple(cells)])


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
            raise ValueError(f"the node's {name} is {given!r}, which is not among the arrays: "
                             f"{', '.join(arrays or {}) or 'none given'}")
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
    W, R = finite("W", layer.W), finite("R", layer.R)
    B = None if layer.B is None else finite("B", layer.B)
    units = layer.attributes.get("hidden_size", R.shape[-1])
    rows = CELLS[kind].blocks * units
    features = W.shape[2] if W.ndim == 3 else "features"
    for name, array, shape in (("W", W, (directions, rows, features)), ("R", R, (directions, rows, units)),
                               ("B", B, (directions, 2 * rows))):
        if array is not None and array.shape != shape:
            wanted = str(shape).replace("'", "")
            raise ValueError(f"{name} has shape {array.shape}, but ONNX's {layer.op_type} of {units} units and {directions} "
                             f"direction(s) takes {wanted}")
    return W, R, B


def _onnx_activations(layer: tuple[Cell, ...]) -> dict:
    """The attributes that name the activations: ONNX's order is the gates', the candidate's, and for an LSTM the cell's."""
    table = {keras: row for keras, *row in _ONNX_ACTIVATIONS}
    found = []
    for cell in layer:
        for name in activation_names(cell):
            if name not in table:
                raise ValueError(f"the {cell.kind} has {named_activations(cell)}, but ONNX knows {', '.join(table)}")
            found.append(table[name])
    attributes: dict = {"activations": [name for name, _, _ in found]}
    for place, name in ((1, "activation_alpha"), (2, "activation_beta")):  # one for each function that takes one, in order
        if values := [row[place] for row in found if row[place] is not None]:
            attributes[name] = values
    return attributes


def _keras_activations(kind: str, settings: Mapping, directions: int) -> list[dict[str, str]]:
    """For each direction, the activations as a cell names them."""
    defaults = {"SimpleRNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}[kind]
    proper = {name.lower(): name for _, name, _, _ in _ONNX_ACTIVATIONS}  # in a node, upper and lower case are the same
    given = [proper.get(name.lower(), name) for name in settings.get("activations") or defaults * directions]
    if len(given) != len(defaults) * directions:
        raise ValueError(f"the node has {len(given)} activations, but {len(defaults) * directions} are expected")
    alphas = _scalings(given, settings.get("activation_alpha"), 0)
    betas = _scalings(given, settings.get("activation_beta"), 1)
    names = [_keras_activation(*scaled) for scaled in zip(given, alphas, betas)]
    found = []
    for d in range(directions):
        own = names[d * len(defaults):(d + 1) * len(defaults)]
        if kind == "LSTM" and own[1] != own[2]:
            raise ValueError(f"the node's LSTM has {own[1]} for the candidate and {own[2]} for the cell, but Keras's has one "
                             "for both")
        found.append({"activation": own[0]} if kind == "SimpleRNN" else {"recurrent_activation": own[0], "activation": own[1]})
    return found


def _scalings(activations: list[str], given, place: int) -> list[float | None]:
    """Alpha (place 0) or beta (1) of each activation, from ONNX's list: one value for each function that takes one.

    Some writers give one for every function. That is taken where it comes to the same, and refused where it does not.
    """
    defaults = [_ONNX_DEFAULTS.get(name, (None, None))[place] for name in activations]
    if not given:
        return defaults
    takers = [k for k, default in enumerate(defaults) if default is not None]
    values = list(given)[:len(takers)]
    if len(given) != len(takers) and (len(given) != len(activations) or values != [given[k] for k in takers]):
        raise ValueError(f"the node has {len(given)} value(s) of activation_{('alpha', 'beta')[place]} for "
                         f"{', '.join(activations)}, of which {len(takers)} take one")
    found = dict(zip(takers, values))
    return [found.get(k) for k in range(len(activations))]


def _keras_activation(name: str, alpha: float | None, beta: float | None) -> str:
    for keras, onnx_name, a, b in _ONNX_ACTIVATIONS:
        if onnx_name == name and all(want is None or np.isclose(value, want, rtol=1e-6) for value, want in ((alpha, a), (beta, b))):
            return keras
    scaled = "" if alpha is None else f" with alpha {alpha:g}" + ("" if beta is None else f" and beta {beta:g}")
    raise ValueError(f"the node has the activation {name}{scaled}, which is none of Keras's here")
