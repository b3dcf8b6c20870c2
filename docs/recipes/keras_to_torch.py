# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "keras==3.15.1", "torch==2.13.0"]
# ///
"""Turn a trained Keras model with recurrent layers into a torch.nn.Module.

Takes a model that is one chain of Embedding, SimpleRNN, LSTM, GRU, Bidirectional,
Dense and Dropout layers. Copy this file, then:

    from keras_to_torch import keras_to_torch
    module = keras_to_torch(model)  # a torch.nn.Sequential with the same outputs

From a shell, `python keras_to_torch.py` carries a small model and prints the largest
difference; see `--help`. Keras needs a backend: with KERAS_BACKEND=torch it is PyTorch.

What PyTorch cannot compute, or this file does not know, is an error, never a guess.
"""

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch
from torch import nn

GATES = {  # PyTorch's class, Keras's order of blocks, PyTorch's; c is PyTorch's g, h its n
    "SimpleRNN": (nn.RNN, "h", "h"),
    "LSTM": (nn.LSTM, "ifco", "ifco"),
    "GRU": (nn.GRU, "zrh", "rzh"),
}
DENSE = {
    "linear": nn.Identity,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "softmax": lambda: nn.Softmax(dim=-1),
}
MERGES = {
    "concat": lambda parts: torch.cat(parts, dim=-1),
    "sum": lambda parts: parts[0] + parts[1],
    "ave": lambda parts: (parts[0] + parts[1]) / 2,
    "mul": lambda parts: parts[0] * parts[1],
}


def keras_to_torch(model):
    """A PyTorch module with the weights, and so the outputs, of a Keras model.

    Parameters
    ----------
    model : keras.Sequential, or keras.Model that is one chain of layers
        Built. Its input is (batch, timesteps) of tokens where the first layer is an
        Embedding, else (batch, timesteps, features).

    Returns
    -------
    torch.nn.Sequential
        In evaluation mode, on the CPU, in the model's dtype. Inputs have the same axes
        as the Keras model's.

    Raises
    ------
    TypeError
        If ``model`` is not a Keras model.
    ValueError
        If a layer, or a setting of it, cannot be carried; the message says what to do.
    """
    layers = chain(model)
    dtype = getattr(torch, common_dtype(layers))
    modules = []
    for layer in layers:
        carry = CARRIERS.get(type(layer).__name__)
        if carry is None:
            raise refused(layer, f"a {type(layer).__name__} is none of {', '.join(CARRIERS)}")
        modules.append(carry(layer))
    return nn.Sequential(*modules).to(dtype=dtype, device="cpu").eval()


class Recurrent(nn.Module):
    """A recurrent module of PyTorch that returns what a Keras layer returns."""

    def __init__(self, rnn, return_sequences, merge_mode="concat"):
        super().__init__()
        self.rnn, self.return_sequences, self.merge_mode = rnn, return_sequences, merge_mode

    def forward(self, x):
        rows, state = self.rnn(x)
        last = state[0] if isinstance(state, tuple) else state  # (directions, batch, units)
        # The backward half ends at the first timestep: rows[:, -1] would be its first step.
        parts = rows.chunk(len(last), dim=-1) if self.return_sequences else last.unbind()
        return MERGES[self.merge_mode](parts) if len(parts) == 2 else parts[0]


# Layers: each takes a Keras layer and gives a module with its weights


def carry_embedding(layer):
    if layer.mask_zero:
        raise refused(
            layer,
            "mask_zero=True makes Keras skip padded steps, and PyTorch's modules read them. Copy"
            " the weights into a model with mask_zero=False and give it sequences without padding",
        )
    return nn.Embedding.from_pretrained(tensor(layer.embeddings), freeze=False)


def carry_dense(layer):
    kernel = tensor(layer.kernel)
    linear = nn.Linear(*kernel.shape, bias=layer.bias is not None, dtype=kernel.dtype)
    state = {"weight": kernel.T}
    if layer.bias is not None:
        state["bias"] = tensor(layer.bias)
    linear.load_state_dict(state)
    return nn.Sequential(linear, DENSE[activation(layer, layer.activation, DENSE)]())


def carry_dropout(layer):
    return nn.Dropout(layer.rate)  # acts in training only


def carry_recurrent(layer):
    """A SimpleRNN, LSTM or GRU: one direction."""
    if layer.go_backwards:
        raise refused(layer, "go_backwards=True; give PyTorch the sequence turned round")
    return Recurrent(carry_directions(layer, [layer]), layer.return_sequences)


def carry_bidirectional(layer):
    halves = [layer.forward_layer, layer.backward_layer]
    if layer.merge_mode not in MERGES:
        raise refused(layer, f"merge_mode={layer.merge_mode!r} gives two outputs; use 'concat'")
    if [half.go_backwards for half in halves] != [False, True]:
        raise refused(layer, "go_backwards turns both halves; leave it off in a Bidirectional")
    return Recurrent(
        carry_directions(layer, halves), layer.return_sequences, layer.merge_mode
    )


def carry_directions(layer, halves):
    """One module of PyTorch, with the weights of one direction or of both."""
    settings = [check_recurrent(layer, half) for half in halves]
    state = {}
    for half, suffix in zip(halves, ("", "_reverse")):
        for name, array in in_torch_order(half.cell, type(half).__name__).items():
            state[f"{name}_l0{suffix}"] = array
    first = state["weight_ih_l0"]
    if settings[1:] and (settings[0] != settings[1] or halves[0].units != halves[1].units):
        raise refused(layer, "its two halves differ, and those of a PyTorch module are alike")
    make, *_ = GATES[type(halves[0]).__name__]
    rnn = make(
        first.shape[1],
        halves[0].units,
        bias="bias_ih_l0" in state,
        batch_first=True,
        bidirectional=len(halves) == 2,
        dtype=first.dtype,
        **settings[0],
    )
    rnn.load_state_dict(state)
    return rnn


def in_torch_order(cell, kind):
    """The weights of one direction: gates in rows, in PyTorch's order; always two biases."""
    _, keras_order, torch_order = GATES[kind]
    order = [keras_order.index(gate) for gate in torch_order]

    def rows(weight):
        blocks = weight.chunk(len(order), dim=-1)
        moved = torch.cat([blocks[k] for k in order], dim=-1)
        return moved.T.contiguous() if moved.ndim == 2 else moved

    state = {
        "weight_ih": rows(tensor(cell.kernel)),
        "weight_hh": rows(tensor(cell.recurrent_kernel)),
    }
    if cell.bias is not None:
        bias = tensor(cell.bias)
        # A GRU has a row for the input and one for the state. Where Keras has one bias, PyTorch
        # adds two: the second is zero.
        both = bias if bias.ndim == 2 else torch.stack([bias, torch.zeros_like(bias)])
        state["bias_ih"], state["bias_hh"] = rows(both[0]), rows(both[1])
    return state


CARRIERS = {
    "Embedding": carry_embedding,
    "SimpleRNN": carry_recurrent,
    "LSTM": carry_recurrent,
    "GRU": carry_recurrent,
    "Bidirectional": carry_bidirectional,
    "Dense": carry_dense,
    "Dropout": carry_dropout,
}


# What is checked before anything is carried


def chain(model):
    """The layers, in order, of a model that is one chain and has weights."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"model is a {type(model).__name__}, but a keras.Model was expected")
    if not model.built:
        raise ValueError(f"model {model.name!r} is not built yet: call it once, or give it an Input")
    layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
    if not layers:
        raise ValueError(f"model {model.name!r} has no layers")
    if not isinstance(model, keras.Sequential):
        check_chain(model, layers)
    return layers


def check_chain(model, layers):
    """Each layer of a functional model reads the one before it, and nothing else."""
    why = f"model {model.name!r} is no chain of layers, each of which reads the one before it"
    try:
        reads = [layer.input for layer in layers] + [model.output]
        gives = [model.input] + [layer.output for layer in layers]
        ends = len(model.inputs), len(model.outputs)
    except (AttributeError, ValueError) as error:
        raise ValueError(f"{why}: {error}") from None
    if ends != (1, 1) or any(a is not b for a, b in zip(reads, gives)):
        raise ValueError(f"{why}; carry its parts one by one")


def check_recurrent(layer, half):
    """What PyTorch computes otherwise, or not at all; what its module is to be told."""
    kind = type(half).__name__
    if kind not in GATES:
        raise refused(layer, f"it runs a {kind}; only {', '.join(GATES)} can be carried")
    if half.return_state or half.stateful:
        raise refused(
            layer, "return_state=True or stateful=True; build the same model without it"
        )
    if kind == "GRU" and not half.reset_after:
        raise refused(
            layer,
            "reset_after=False resets before the product, PyTorch's GRU after it, and no change"
            " of weights makes up for that; train with reset_after=True, or carry it to ONNX",
        )
    if kind == "SimpleRNN":
        return {"nonlinearity": activation(layer, half.activation, ("tanh", "relu"))}
    activation(layer, half.activation, ("tanh",))
    activation(layer, half.recurrent_activation, ("sigmoid",))
    return {}


def activation(layer, function, known):
    name = getattr(function, "__name__", str(function))
    if name not in known:
        raise refused(layer, f"its activation {name!r} is none of {', '.join(known)}")
    return name


def common_dtype(layers):
    """float32 or float64: that of every layer's weights and of what it computes in."""
    found = {x.compute_dtype for x in layers}
    found |= {w.dtype for x in layers for w in x.weights if "float" in w.dtype}
    if len(found) != 1 or found - {"float32", "float64"}:
        raise ValueError(
            f"the model computes in {', '.join(sorted(found))}, but a model is carried in float32"
            " or float64, one for all of it"
        )
    return found.pop()


def tensor(variable):
    values = np.array(keras.ops.convert_to_numpy(variable))
    if not np.isfinite(values).all():
        raise ValueError(f"weight {variable.path!r} holds NaN or infinity: nothing to carry")
    return torch.from_numpy(values)


def refused(layer, why):
    return ValueError(f"layer {layer.name!r} cannot be carried to PyTorch: {why}")


def main():
    parser = argparse.ArgumentParser(
        description="Carry a Keras model to PyTorch and print the largest difference of outputs."
    )
    parser.add_argument("model", nargs="?", help="a .keras file; without it, a small random model")
    parser.add_argument("--save", metavar="FILE", help="write the state dict here, for torch.load")
    options = parser.parse_args()
    try:
        if options.model:
            model = keras.models.load_model(options.model)
        else:
            keras.utils.set_random_seed(0)
            layers = keras.layers
            model = keras.Sequential([
                keras.Input((None,), dtype="int32"),
                layers.Embedding(50, 8),
                layers.Bidirectional(layers.LSTM(12, return_sequences=True)),
                layers.Bidirectional(layers.GRU(12)),
                layers.Dense(3, activation="softmax"),
            ])
            rng = np.random.default_rng(0)
            model.set_weights([rng.normal(size=w.shape) * 0.5 for w in model.get_weights()])
        module = keras_to_torch(model)
    except (ValueError, TypeError) as error:
        parser.exit(1, f"error: {error}\n")
    rng = np.random.default_rng(0)
    first = model.layers[0]
    if isinstance(first, keras.layers.Embedding):
        x = rng.integers(0, first.input_dim, (4, 20))
    else:
        dtype = common_dtype(chain(model))
        x = rng.normal(size=(4, 20, model.input_shape[-1])).astype(dtype)
    expected = keras.ops.convert_to_numpy(model(x))
    with torch.no_grad():
        found = module(torch.from_numpy(x)).numpy()
    print(module)
    print(f"largest difference of outputs: {np.abs(found - expected).max():.1e}")
    if options.save:
        torch.save(module.state_dict(), options.save)


if __name__ == "__main__":
    main()
