"""The onnx package's own node tests for RNN, LSTM and GRU, through the package's cells."""

import importlib

import numpy as np
import pytest

import unrolled as ur

onnx = pytest.importorskip("onnx")

#: Onnx has these, Keras and this package do not.
OUT_OF_SCOPE = {
    "test_lstm_with_peepholes": "Keras's LSTM has no peephole weights",
}
#: For each onnx operator: its cell, and onnx's blocks in Keras's order.
CELLS = {
    "RNN": (ur.SimpleRNNCell, [0]),
    "LSTM": (ur.LSTMCell, [0, 2, 3, 1]),  # onnx: i, o, f, c
    "GRU": (ur.GRUCell, [0, 1, 2]),       # onnx: z, r, h; z keeps the old state there, too
}


def _collect():
    """Onnx's cases for these operators. Its own collector would import those of all operators: half a minute."""
    node = importlib.import_module("onnx.backend.test.case.node")
    for module in ("rnn", "lstm", "gru"):
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    return {case.name: case for case in node._NodeTestCases if case.model.graph.node[0].op_type in CELLS}


CASES = _collect()


def _blocks(weight, order):
    """Onnx stacks blocks as rows; in Keras they are columns, in another order."""
    parts = np.split(weight, len(order))
    return np.concatenate([parts[k] for k in order]).T


def _cell(operator, w, r, b, linear_before_reset):
    """The cell of one direction."""
    make, order = CELLS[operator]
    options = {"reset_after": bool(linear_before_reset)} if operator == "GRU" else {}
    bias = None
    if b is not None:
        bias = np.stack([_blocks(half, order) for half in np.split(b, 2)])  # onnx: input row, recurrent row
        if not linear_before_reset:
            bias = bias.sum(axis=0)
    return make(_blocks(w, order), _blocks(r, order), bias, **options)


def _run(operator, inputs, direction="forward", layout=0, linear_before_reset=0, hidden_size=None):
    """An onnx node, computed by ``unroll``: Y, Y_h and for an LSTM Y_c."""
    x, h0, c0 = (inputs.get(name) for name in ("X", "initial_h", "initial_c"))
    if layout == 0:  # onnx puts time first
        x = x.swapaxes(0, 1)
    else:
        h0, c0 = (s if s is None else s.swapaxes(0, 1) for s in (h0, c0))
    lengths = inputs.get("sequence_lens")
    mask = None if lengths is None else np.arange(x.shape[1]) < lengths[:, None]
    outputs, finals = [], []
    backwards = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    for d, back in enumerate(backwards):
        cell = _cell(operator, inputs["W"][d], inputs["R"][d], inputs["B"][d] if "B" in inputs else None,
                     linear_before_reset)
        assert cell.units == hidden_size
        state = None if h0 is None else (h0[d], c0[d]) if operator == "LSTM" else h0[d]
        trace = ur.unroll(cell, x, state, mask, go_backwards=back, zero_output_for_mask=True)
        outputs.append(trace.output[:, ::-1] if back else trace.output)
        finals.append([trace.final_hidden, trace.final_cell] if operator == "LSTM" else [trace.final_hidden])
    y = np.stack(outputs)                             # (directions, batch, timesteps, units)
    y = y.transpose(2, 0, 1, 3) if layout == 0 else y.transpose(1, 2, 0, 3)
    states = [np.stack(s) for s in zip(*finals)]      # (directions, batch, units)
    return [y, *(s if layout == 0 else s.swapaxes(0, 1) for s in states)]


@pytest.mark.parametrize("name", sorted(set(CASES) - set(OUT_OF_SCOPE)))
def test_node(name):
    case = CASES[name]
    (node,) = case.model.graph.node
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
    ((given, expected),) = case.data_sets
    inputs = dict(zip([n for n in node.input if n], given, strict=True))
    computed = [y for wanted, y in zip(node.output, _run(node.op_type, inputs, **attributes)) if wanted]
    assert len(computed) == len(expected) > 0
    for ours, theirs in zip(computed, expected):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)  # onnx itself allows 1e-3


def test_every_node_test_is_run_or_named_with_its_reason():
    assert set(OUT_OF_SCOPE) <= set(CASES), "a name that onnx no longer has"
    assert all(OUT_OF_SCOPE.values())
    assert len(CASES) >= 18
    assert {case.model.graph.node[0].op_type for case in CASES.values()} == set(CELLS)
    for name in OUT_OF_SCOPE:
        inputs = CASES[name].model.graph.node[0].input
        assert len(inputs) == 8 and inputs[7] == "P"  # the eighth input is the peepholes


# Onnx's own cases fill each weight with one number, so they cannot tell one gate from another.
# Random weights through ONNX Runtime can.

def _onnx_runtime(operator, inputs, attributes):
    """An onnx node, computed by ONNX Runtime."""
    runtime = pytest.importorskip("onnxruntime")
    names = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c"][:7 if operator == "LSTM" else 6]
    outputs = ["Y", "Y_h", "Y_c"][:3 if operator == "LSTM" else 2]
    node = onnx.helper.make_node(operator, [n if n in inputs else "" for n in names], outputs, **attributes)
    types = {n: onnx.helper.np_dtype_to_tensor_dtype(a.dtype) for n, a in inputs.items()}
    graph = onnx.helper.make_graph(
        [node], "one", [onnx.helper.make_tensor_value_info(n, types[n], a.shape) for n, a in inputs.items()],
        [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in outputs])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("operator, linear_before_reset", [("RNN", 0), ("LSTM", 0), ("GRU", 0), ("GRU", 1)])
@pytest.mark.parametrize("lengths", [None, [7, 3, 5, 1]], ids=["whole", "lengths"])
def test_random_weights_through_onnx_runtime(operator, linear_before_reset, direction, lengths, rng):
    directions, batch, timesteps, features, units = 1 + (direction == "bidirectional"), 4, 7, 3, 5
    rows = len(CELLS[operator][1]) * units
    shapes = {"X": (timesteps, batch, features), "W": (directions, rows, features), "R": (directions, rows, units),
              "B": (directions, 2 * rows), "initial_h": (directions, batch, units)}
    if operator == "LSTM":
        shapes["initial_c"] = shapes["initial_h"]
    inputs = {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    if lengths:
        inputs["sequence_lens"] = np.array(lengths, "int32")
    attributes = {"direction": direction, "hidden_size": units}
    if operator == "RNN":
        attributes["activations"] = ["Tanh"] * directions
    if operator == "GRU":
        attributes["linear_before_reset"] = linear_before_reset
    theirs = _onnx_runtime(operator, inputs, attributes)
    attributes.pop("activations", None)
    for ours, expected in zip(_run(operator, inputs, **attributes), theirs, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=5e-6)
