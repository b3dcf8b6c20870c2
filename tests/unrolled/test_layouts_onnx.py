"""ONNX's operators through the package's converters: the onnx package's own node tests, ONNX Runtime, and what is refused."""

import importlib

import numpy as np
import pytest

import unrolled as ur
from unrolled import layouts

onnx = pytest.importorskip("onnx")

#: Onnx has these, Keras and this package do not.
OUT_OF_SCOPE = {
    "test_lstm_with_peepholes": "Keras's LSTM has no peephole weights",
}
KINDS = ("SimpleRNN", "LSTM", "GRU", "GRU reset before")


def _collect():
    """Onnx's cases for these operators. Its own collector would import those of all operators: half a minute."""
    node = importlib.import_module("onnx.backend.test.case.node")
    for module in ("rnn", "lstm", "gru"):
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    return {case.name: case for case in node._NodeTestCases if case.model.graph.node[0].op_type in ("RNN", "LSTM", "GRU")}


CASES = _collect()


def _run(layer, x, initial=None, lengths=None, direction="forward", layout=0):
    """A node's layer, computed by ``unroll``: Y, Y_h and for an LSTM Y_c, with ONNX's axes."""
    cells = layer if isinstance(layer, tuple) else (layer,)
    x = x.swapaxes(0, 1) if layout == 0 else x  # onnx puts time first
    if initial is not None and layout == 1:
        initial = [state.swapaxes(0, 1) for state in initial]
    mask = None if lengths is None else np.arange(x.shape[1]) < lengths[:, None]
    outputs, finals = [], []
    for d, cell in enumerate(cells):
        back = direction == "reverse" or d == 1
        state = None if initial is None else tuple(s[d] for s in initial)
        trace = ur.unroll(cell, x, state, mask, go_backwards=back, zero_output_for_mask=True)
        outputs.append(trace.output[:, ::-1] if back else trace.output)
        finals.append([trace.final_hidden, trace.final_cell] if cell.kind == "LSTM" else [trace.final_hidden])
    y = np.stack(outputs)                             # (directions, batch, timesteps, units)
    y = y.transpose(2, 0, 1, 3) if layout == 0 else y.transpose(1, 2, 0, 3)
    states = [np.stack(s) for s in zip(*finals)]      # (directions, batch, units)
    return [y, *(s if layout == 0 else s.swapaxes(0, 1) for s in states)]


@pytest.mark.parametrize("name", sorted(set(CASES) - set(OUT_OF_SCOPE)))
def test_node(name):
    case = CASES[name]
    (node,) = case.model.graph.node
    ((given, expected),) = case.data_sets
    inputs = dict(zip([n for n in node.input if n], given, strict=True))
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    initial = [inputs[n] for n in ("initial_h", "initial_c") if n in inputs] or None

    (layer,) = layouts.from_onnx(node, inputs)
    direction = attributes.get("direction", b"forward").decode()
    computed = _run(layer, inputs["X"], initial, inputs.get("sequence_lens"), direction, attributes.get("layout", 0))
    computed = [y for wanted, y in zip(node.output, computed) if wanted]
    assert len(computed) == len(expected) > 0
    for ours, theirs in zip(computed, expected):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)  # onnx itself allows 1e-3


def test_every_node_test_is_run_or_named_with_its_reason():
    assert set(OUT_OF_SCOPE) <= set(CASES), "a name that onnx no longer has"
    assert len(CASES) >= 18 and {case.model.graph.node[0].op_type for case in CASES.values()} == {"RNN", "LSTM", "GRU"}
    for name in OUT_OF_SCOPE:
        case = CASES[name]
        (node,), ((given, _),) = case.model.graph.node, case.data_sets
        with pytest.raises(ValueError, match="the node has peephole weights P"):
            layouts.from_onnx(node, dict(zip([n for n in node.input if n], given, strict=True)))


# Onnx's own cases fill each weight with one number, so they cannot tell one gate from another.
# Random weights through ONNX Runtime can.

def _model(node, states, weights, dtype):
    """A model of one node, whose inputs are X and the initial states."""
    helper, kind = onnx.helper, {"float32": onnx.TensorProto.FLOAT, "float64": onnx.TensorProto.DOUBLE}[dtype]
    graph = helper.make_graph(
        [node], "one", [helper.make_tensor_value_info(n, kind, None) for n in ("X", *states)],
        [helper.make_tensor_value_info(n, kind, None) for n in node.output],
        [onnx.numpy_helper.from_array(a, n) for n, a in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def _run_elsewhere(layer, x, initial, lengths=None):
    """The layer's node: by ONNX Runtime in float32, by onnx's reference in float64, which ONNX Runtime has not."""
    states = dict(zip(("initial_h", "initial_c"), initial))
    weights = {n: a for n, a in (("W", layer.W), ("R", layer.R), ("B", layer.B)) if a is not None}
    if lengths is not None:
        weights["lengths"] = lengths
    names = ["X", "W", "R", "B" if "B" in weights else "", "lengths" if "lengths" in weights else "", *states]
    node = onnx.helper.make_node(layer.op_type, names, ["Y", "Y_h", "Y_c"][:1 + len(states)], **layer.attributes)
    model = _model(node, states, weights, x.dtype.name)
    if x.dtype == "float32":
        runtime = pytest.importorskip("onnxruntime")
        return runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"X": x, **states})
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model).run(None, {"X": x, **states})


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", KINDS)
def test_onnx_runtime_computes_the_same(kind, direction, seed, draw):
    rng = np.random.default_rng(seed)
    batch, timesteps, features, units = (int(n) for n in rng.choice(np.arange(2, 9), 4, replace=False))
    phi, sigma = [("tanh", "sigmoid"), ("relu", "hard_sigmoid"), ("softsign", "sigmoid")][seed % 3]
    cells = tuple(draw.cell(kind, rng, features, units, "float32", seed != 4, activation=phi, recurrent_activation=sigma)
                  for _ in range(2 if direction == "bidirectional" else 1))
    initial = [rng.normal(size=(len(cells), batch, units)).astype("float32") for _ in range(2 if kind == "LSTM" else 1)]
    x = rng.normal(size=(timesteps, batch, features)).astype("float32")
    lengths = rng.integers(1, timesteps + 1, batch).astype("int32") if seed % 2 else None

    (layer,) = layouts.to_onnx(cells)
    layer.attributes["direction"] = direction
    theirs = _run_elsewhere(layer, x, initial, lengths)
    for ours, expected in zip(_run(cells, x, initial, lengths, direction), theirs, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))
    assert_same_computation(layouts.from_onnx(layer)[0], cells, x)


def assert_same_computation(layer, cells, x):
    """There and back is the same to the last bit, as far as the outputs tell."""
    for ours, expected in zip(layer if isinstance(layer, tuple) else (layer,), cells, strict=True):
        np.testing.assert_array_equal(ur.unroll(ours, x).hidden, ur.unroll(expected, x).hidden)


@pytest.mark.parametrize("kind", KINDS)
def test_onnxs_reference_computes_the_same_in_float64(kind, draw, rng):
    cell = draw.cell(kind, rng, 3, 4)
    initial = [rng.normal(size=(1, 2, 4)) for _ in range(2 if kind == "LSTM" else 1)]
    x = rng.normal(size=(5, 2, 3))
    (layer,) = layouts.to_onnx(cell)
    for ours, theirs in zip(_run(cell, x, initial), _run_elsewhere(layer, x, initial), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


# What is refused

@pytest.mark.parametrize("attributes, message", [
    ({"clip": 2.0}, "the node clips at 2"),
    ({"input_forget": 1}, "input_forget=1, which couples"),
    ({"direction": "both"}, "the node's direction is 'both', but ONNX has forward, reverse and bidirectional"),
    ({"activations": ["Sigmoid", "Tanh", "Relu"]}, "has tanh for the candidate and relu for the cell, but Keras's has one for both"),
    ({"activations": ["Sigmoid", "ThresholdedRelu", "ThresholdedRelu"]}, "the activation ThresholdedRelu, which is none of Keras's here"),
    ({"activations": ["HardSigmoid", "Tanh", "Tanh"]}, "the activation HardSigmoid with alpha 0.2 and beta 0.5"),
    ({"activations": ["Sigmoid", "Tanh"]}, "the node has 2 activations, but 3 are expected"),
    ({"activations": ["HardSigmoid", "Elu", "Elu"], "activation_alpha": [0.1, 0.2]}, r"the node has 2 value\(s\) of activation_alpha"),
    ({"hidden_size": 5}, r"W has shape \(1, 16, 3\), but ONNX's LSTM of 5 units and 1 direction\(s\) takes \(1, 20, 3\)"),
    ({"direction": "bidirectional"}, r"W has shape \(1, 16, 3\), but ONNX's LSTM of 4 units and 2 direction\(s\) takes \(2, 16, 3\)"),
])
def test_nodes_that_are_refused(attributes, message, draw, rng):
    (layer,) = layouts.to_onnx(draw.cell("LSTM", rng, 3, 4))
    changed = layouts.OnnxLayer("LSTM", layer.W, layer.R, layer.B, {**layer.attributes, **attributes})
    with pytest.raises(ValueError, match=message):
        layouts.from_onnx(changed)


def test_names_of_activations_in_any_case(draw, rng):
    (layer,) = layouts.to_onnx(draw.cell("LSTM", rng, 3, 4, recurrent_activation="hard_sigmoid"))
    layer.attributes["activations"] = ["hardsigmoid", "TANH", "tanh"]
    assert layouts.from_onnx(layer)[0].recurrent_activation == "hard_sigmoid"


@pytest.mark.parametrize("change, error, message", [
    ({"W": None}, ValueError, "the node's W is missing"),
    ({"W": np.ones((1, 16, 3), "float16")}, TypeError, "W is of float16, but weights are float32 or float64"),
    ({"R": np.full((1, 16, 4), np.nan)}, ValueError, "R holds NaN or infinity in 64 of 64 places"),
    ({"B": np.ones((1, 16))}, ValueError, r"B has shape \(1, 16\), but ONNX's LSTM of 4 units and 1 direction\(s\) takes \(1, 32\)"),
    ({"op_type": "Gemm"}, ValueError, "the node's operator is Gemm, but from_onnx takes RNN, LSTM, GRU"),
])
def test_weights_that_are_refused(change, error, message, draw, rng):
    (layer,) = layouts.to_onnx(draw.cell("LSTM", rng, 3, 4))
    changed = layouts.OnnxLayer(**{**vars(layer), **change})
    with pytest.raises(error, match=message):
        layouts.from_onnx(changed)


def test_a_node_and_its_arrays(draw, rng):
    (layer,) = layouts.to_onnx(draw.cell("LSTM", rng, 3, 4))
    node = onnx.helper.make_node("LSTM", ["X", "w", "r"], ["Y"], **layer.attributes)
    tensors = [onnx.numpy_helper.from_array(layer.W, "w"), onnx.numpy_helper.from_array(layer.R, "r")]
    (cell,) = layouts.from_onnx(node, tensors)
    assert cell.bias is None and cell.units == 4
    with pytest.raises(ValueError, match="the node's R is 'r', which is not among the arrays: w"):
        layouts.from_onnx(node, {"w": layer.W})
    with pytest.raises(TypeError, match="node is a str, but from_onnx takes an OnnxLayer or an onnx.NodeProto"):
        layouts.from_onnx("LSTM")
