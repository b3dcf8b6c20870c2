# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "keras>=3.12", "tensorflow", "onnx>=1.17"]
# ///
"""Write a trained Keras model with recurrent layers as an ONNX file.

Takes a model that is one chain of Embedding, SimpleRNN, LSTM, GRU, Bidirectional,
Dense and Dropout layers. Batch and timesteps stay open. Copy this file, then:

    from keras_to_onnx import keras_to_onnx
    keras_to_onnx(model, "model.onnx")

or, from a shell: python keras_to_onnx.py model.keras model.onnx

What a file cannot say, or this file does not know, is an error, never a guess.
"""

import sys

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17  # ONNX's operators as of 2022: every runtime of today has them
GATES = {  # the blocks of Keras's columns, and the order in which ONNX wants them
    "SimpleRNN": ("RNN", "h", "h"),
    "LSTM": ("LSTM", "ifco", "iofc"),
    "GRU": ("GRU", "zrh", "zrh"),
}
ACTIVATIONS = {  # inside a recurrent layer: ONNX's name, and alpha, beta if it takes them
    "tanh": ("Tanh",),
    "sigmoid": ("Sigmoid",),
    "relu": ("Relu",),
    "linear": ("Affine", 1.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "softsign": ("Softsign",),
}
DENSE = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu", "softmax": "Softmax"}
MERGES = {"sum": "ReduceSum", "ave": "ReduceMean", "mul": "ReduceProd"}


def keras_to_onnx(model, path=None):
    """The model as ONNX, checked by ``onnx.checker``; written to ``path`` if given.

    Parameters
    ----------
    model : keras.Sequential, or keras.Model that is one chain of layers
        Built. Its input is (batch, timesteps) of tokens where the first layer is an
        Embedding, else (batch, timesteps, features).
    path : str or Path, optional
        Where to write it.

    Returns
    -------
    onnx.ModelProto
        With one input, "input", and one output, "output".

    Raises
    ------
    ValueError
        If a layer, or a setting of it, cannot be written; the message says what to do.
    """
    layers = chain(model)
    graph = Graph(common_dtype(layers))
    embeds = isinstance(layers[0], keras.layers.Embedding)
    timesteps = True  # whether the value still has a time axis
    value = "input"
    for layer in layers:
        write = WRITERS.get(type(layer).__name__)
        if write is None:
            raise unknown(
                layer, f"a {type(layer).__name__} is none of {', '.join(WRITERS)}"
            )
        value = write(graph, layer, value)
        if isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional)):
            timesteps = layer.return_sequences
    graph.add("Identity", [value], output="output")

    shape = (
        ["batch", "timesteps"] if embeds else ["batch", "timesteps", features(layers[0])]
    )
    out_shape = ["batch", *(["timesteps"] if timesteps else []), model.output_shape[-1]]
    kind = TensorProto.INT32 if embeds else graph.kind
    onnx_model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            model.name,
            [helper.make_tensor_value_info("input", kind, shape)],
            [helper.make_tensor_value_info("output", graph.kind, out_shape)],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,  # the file format that goes with these operators
        producer_name="keras_to_onnx",
    )
    onnx.checker.check_model(onnx_model, full_check=True)
    if path is not None:
        onnx.save_model(onnx_model, str(path))
    return onnx_model


class Graph:
    """Nodes and weights, collected in order."""

    def __init__(self, dtype):
        self.dtype, self.nodes, self.weights = np.dtype(dtype), [], []
        self.kind = helper.np_dtype_to_tensor_dtype(self.dtype)

    def add(self, operator, inputs, output=None, outputs=1, pick=0, **settings):
        """Append a node; the name of the output that ``pick`` says."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        names = (
            [output]
            if output
            else ["" if k < pick else f"{name}_{k}" for k in range(outputs)]
        )
        self.nodes.append(
            helper.make_node(operator, inputs, names, name=name, **settings)
        )
        return names[pick]

    def weight(self, array, dtype=None):
        """Store an array in the file; its name."""
        name = f"weight_{len(self.weights)}"
        array = np.ascontiguousarray(array, dtype or self.dtype)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def shape(self, *sizes):
        return self.weight(sizes, np.int64)


# Layers: each takes the name of its input and gives the name of its output


def write_embedding(graph, layer, value):
    if layer.mask_zero:
        raise unknown(
            layer,
            "mask_zero=True makes Keras skip padded steps, and no ONNX operator does that as"
            " Keras does. Copy the weights into a model with mask_zero=False and give it"
            " sequences without padding, one length at a time",
        )
    # Gather would take -1 for the last row; Keras knows no such token.
    return graph.add("Gather", [graph.weight(array(layer.embeddings)), value])


def write_dense(graph, layer, value):
    value = graph.add("MatMul", [value, graph.weight(array(layer.kernel))])
    if layer.bias is not None:
        value = graph.add("Add", [value, graph.weight(array(layer.bias))])
    name = activation(layer, layer.activation, ["linear", *DENSE])
    return value if name == "linear" else graph.add(DENSE[name], [value])


def write_dropout(graph, layer, value):
    return value  # dropout acts in training only


def write_recurrent(graph, layer, value):
    """A SimpleRNN, LSTM or GRU: one direction."""
    rows, last = write_directions(graph, layer, [layer], value)
    if not layer.return_sequences:
        return graph.add("Squeeze", [last, graph.shape(0)])
    rows = graph.add("Squeeze", [rows, graph.shape(2)])
    if layer.go_backwards:  # Keras returns the steps as it took them, ONNX as they came
        ends = graph.shape(-1), graph.shape(np.iinfo(np.int64).min)
        rows = graph.add("Slice", [rows, *ends, graph.shape(1), graph.shape(-1)])
    return rows


def write_bidirectional(graph, layer, value):
    """Both directions in one operator, then merged."""
    halves = [layer.forward_layer, layer.backward_layer]
    if layer.merge_mode not in ("concat", *MERGES):
        raise unknown(
            layer, f"merge_mode={layer.merge_mode!r} gives two outputs; use 'concat'"
        )
    if [half.go_backwards for half in halves] != [False, True]:
        raise unknown(
            layer, "go_backwards turns both halves; leave it off inside a Bidirectional"
        )
    rows, last = write_directions(graph, layer, halves, value)
    if not layer.return_sequences:  # (directions, batch, units)
        rows = graph.add("Transpose", [last], perm=[1, 0, 2])
    axis = 2 if layer.return_sequences else 1
    if layer.merge_mode == "concat":
        units = 2 * halves[0].units
        return graph.add("Reshape", [rows, graph.shape(*[0] * axis, units)])
    return reduce(graph, MERGES[layer.merge_mode], rows, axis)


def write_directions(graph, layer, halves, value):
    """One recurrent operator: its rows (batch, timesteps, directions, units), its last state."""
    for half in halves:
        check_recurrent(layer, half)
    first = halves[0]
    operator, *_ = GATES[type(first).__name__]
    settings = {"hidden_size": first.units, "direction": "bidirectional"}
    if len(halves) == 1:
        settings["direction"] = "reverse" if first.go_backwards else "forward"
    if operator == "GRU":
        settings["linear_before_reset"] = int(first.reset_after)
    names = [activation_of_cell(half) for half in halves]
    known = [ACTIVATIONS[name] for half in names for name in half]
    settings["activations"] = [name for name, *_ in known]
    if scaled := [
        numbers for _, *numbers in known if numbers
    ]:  # in order, for those that take them
        settings["activation_alpha"], settings["activation_beta"] = map(
            list, zip(*scaled)
        )

    weights = [graph.weight(np.stack(w)) for w in zip(*map(in_onnx_order, halves))]
    steps = graph.add("Transpose", [value], perm=[1, 0, 2])  # ONNX: timesteps first
    name = f"{operator.lower()}_{len(graph.nodes)}"
    graph.nodes.append(
        helper.make_node(
            operator,
            [steps, *weights],
            [f"{name}_rows", f"{name}_last"],
            name=name,
            **settings,
        )
    )
    # (timesteps, directions, batch, units)
    rows = (
        graph.add("Transpose", [f"{name}_rows"], perm=[2, 0, 1, 3])
        if layer.return_sequences
        else None
    )
    return rows, f"{name}_last"


def in_onnx_order(layer):
    """W, R and B of one direction: blocks in ONNX's order, as rows; always two biases."""
    _, keras_order, onnx_order = GATES[type(layer).__name__]
    order = [keras_order.index(gate) for gate in onnx_order]

    def blocks(weight):
        parts = np.split(weight, len(order), axis=-1)
        return np.concatenate([parts[k] for k in order], axis=-1)

    cell = layer.cell
    kernel, recurrent_kernel = array(cell.kernel), array(cell.recurrent_kernel)
    # Two rows: that of the input and that of the state. Only a GRU with reset_after has both.
    bias = np.zeros((2, kernel.shape[1]), kernel.dtype)
    if cell.bias is not None:
        given = np.atleast_2d(array(cell.bias))
        bias[: len(given)] = given
    return blocks(kernel).T, blocks(recurrent_kernel).T, blocks(bias).reshape(-1)


def reduce(graph, operator, value, axis):
    """Sum, mean or product over an axis; before opset 18 only the sum takes it as an input."""
    if operator == "ReduceSum":
        return graph.add(operator, [value, graph.shape(axis)], keepdims=0)
    return graph.add(operator, [value], axes=[axis], keepdims=0)


WRITERS = {
    "Embedding": write_embedding,
    "SimpleRNN": write_recurrent,
    "LSTM": write_recurrent,
    "GRU": write_recurrent,
    "Bidirectional": write_bidirectional,
    "Dense": write_dense,
    "Dropout": write_dropout,
    "SpatialDropout1D": write_dropout,
}


# What is checked before anything is written


def chain(model):
    """The layers, in order, of a model that is one chain and has weights."""
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"model is a {type(model).__name__}, but a keras.Model was expected"
        )
    if not model.built:
        raise ValueError(
            f"model {model.name!r} is not built yet: call it once, or give it an Input"
        )
    layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
    if not isinstance(model, keras.Sequential):
        check_chain(model, layers)
    if not layers:
        raise ValueError(f"model {model.name!r} has no layers")
    return layers


def check_chain(model, layers):
    """Each layer of a functional model reads the one before it, and nothing else."""
    try:
        ends = [*model.inputs, *model.outputs]
        reads = [layer.input for layer in layers] + [model.output]
        gives = [model.input] + [layer.output for layer in layers]
    except (AttributeError, ValueError) as error:
        raise ValueError(
            f"model {model.name!r} is no chain of layers: write it as keras.Sequential ({error})"
        ) from None
    if len(ends) != 2 or any(a is not b for a, b in zip(reads, gives)):
        raise ValueError(
            f"model {model.name!r} is no chain of layers: only a model in which each layer"
            " reads the one before it can be written"
        )


def check_recurrent(layer, half):
    """What ONNX's recurrent operators say otherwise, or not at all."""
    if type(half).__name__ not in GATES:
        raise unknown(
            layer,
            f"it runs a {type(half).__name__}; only {', '.join(GATES)} can be written",
        )
    if half.return_state:
        raise unknown(
            layer,
            "return_state=True gives several outputs; build the same model without it",
        )
    if half.stateful:
        raise unknown(
            layer,
            "stateful=True keeps states between calls; build the same model without it",
        )


def activation(layer, function, known):
    name = getattr(function, "__name__", str(function))
    if name not in known:
        raise unknown(layer, f"its activation {name!r} is none of {', '.join(known)}")
    return name


def activation_of_cell(layer):
    """Names in ONNX's order: the gates' first, then the state's; an LSTM uses that one twice."""
    phi = activation(layer, layer.activation, ACTIVATIONS)
    if type(layer).__name__ == "SimpleRNN":
        return [phi]
    sigma = activation(layer, layer.recurrent_activation, ACTIVATIONS)
    return [sigma, phi, phi] if type(layer).__name__ == "LSTM" else [sigma, phi]


def common_dtype(layers):
    """float32 or float64: that of every layer's weights and of what it computes in."""
    found = {x.compute_dtype for x in layers} | {
        w.dtype for x in layers for w in x.weights if "float" in w.dtype
    }
    if len(found) != 1 or found - {"float32", "float64"}:
        raise ValueError(
            f"the model computes in {', '.join(sorted(found))}, but ONNX is written in float32 or"
            " float64, one for the whole model"
        )
    return found.pop()


def features(layer):
    layer = (
        layer.forward_layer if isinstance(layer, keras.layers.Bidirectional) else layer
    )
    kernel = getattr(getattr(layer, "cell", layer), "kernel", None)
    if kernel is None:
        raise unknown(
            layer, "a model starts with an Embedding, a recurrent layer or a Dense"
        )
    return int(kernel.shape[0])


def array(variable):
    values = keras.ops.convert_to_numpy(variable)
    if not np.isfinite(values).all():
        raise ValueError(
            f"weight {variable.path!r} holds NaN or infinity: nothing to carry"
        )
    return values


def unknown(layer, why):
    return ValueError(f"layer {layer.name!r} cannot be written as ONNX: {why}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python keras_to_onnx.py model.keras model.onnx")
    try:
        keras_to_onnx(keras.models.load_model(sys.argv[1]), sys.argv[2])
    except ValueError as error:
        sys.exit(f"error: {error}")
