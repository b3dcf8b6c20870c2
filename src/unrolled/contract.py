"""What a layer promises before it runs: what a call returns, and how many weights it has."""

from __future__ import annotations

from dataclasses import dataclass

_BLOCKS = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}


def returns(layer, input_shape=(None, None, None)) -> dict[str, tuple]:
    """The names and shapes of what a call of a recurrent layer gives back, in order.

    The layer is not run, and need not be built.

    Parameters
    ----------
    layer : keras.layers.SimpleRNN, LSTM, GRU, RNN, Bidirectional, TimeDistributed or ConvLSTM1D/2D/3D
        Only its settings are read.
    input_shape : tuple
        ``(batch, timesteps, features)``, None where a size is open; one more axis for each
        that ``ConvLSTM`` or ``TimeDistributed`` adds.

    Returns
    -------
    dict
        ``{"output": shape}``, and with ``return_state`` also ``"hidden"``, and ``"cell"`` for an LSTM.
        ``RNN([cells])`` gives ``"states_1"``, ``"states_2"``, …: the shapes of each cell's states.
        ``Bidirectional`` gives ``"forward_hidden"``, …, ``"backward_cell"``; with ``merge_mode=None``
        two outputs as well.

    Raises
    ------
    TypeError
        If the layer is not one of these.
    ValueError
        If ``input_shape`` has another number of axes than the layer takes, or the layer is a
        ``TimeDistributed`` around ``return_state=True``, which Keras stacks into one wrong tensor.
    """
    classes = [base.__name__ for base in type(layer).__mro__]
    if "Bidirectional" in classes:
        return _bidirectional(layer, input_shape)
    if "TimeDistributed" in classes:
        return _time_distributed(layer, input_shape)
    if "ConvLSTM" in classes:
        return _conv_lstm(layer, input_shape)
    if "RNN" in classes:
        return _rnn(layer, input_shape)
    raise TypeError(f"layer is a {classes[0]}, but returns takes a recurrent layer: a SimpleRNN, an LSTM, a GRU, "
                    "or an RNN, Bidirectional, TimeDistributed or ConvLSTM around them")


def _rnn(layer, input_shape) -> dict[str, tuple]:
    batch, timesteps, _ = _axes(input_shape, "batch", "timesteps", "features")
    cells = getattr(layer.cell, "cells", None)
    states = [[(batch, size) for size in _sizes(cell)] for cell in cells or [layer.cell]]
    # A stack's output is its last cell's; a cell's output is as wide as its first state unless it says otherwise.
    last = cells[-1] if cells else layer.cell
    width = getattr(last, "output_size", None) or _sizes(last)[0]
    promised = {"output": (batch, timesteps, width) if layer.return_sequences else (batch, width)}
    if not layer.return_state:
        return promised
    if cells:
        return promised | {f"states_{k}": tuple(shapes) for k, shapes in enumerate(states, 1)}
    return promised | dict(zip(_state_names(layer.cell), states[0]))


def _bidirectional(layer, input_shape) -> dict[str, tuple]:
    forward, backward = (returns(half, input_shape) for half in (layer.forward_layer, layer.backward_layer))
    output, backward_output = forward.pop("output"), backward.pop("output")
    if layer.merge_mode is None:
        promised = {"forward_output": output, "backward_output": backward_output}
    elif layer.merge_mode == "concat":
        promised = {"output": (*output[:-1], output[-1] + backward_output[-1])}
    else:
        promised = {"output": output}
    return (promised | {f"forward_{name}": shape for name, shape in forward.items()}
            | {f"backward_{name}": shape for name, shape in backward.items()})


def _time_distributed(layer, input_shape) -> dict[str, tuple]:
    if getattr(layer.layer, "return_state", False):
        raise ValueError(f"layer {layer.name!r} is a TimeDistributed around a layer with return_state=True: Keras "
                         "stacks its outputs and states into one wrong tensor; use return_state=False there")
    shape = tuple(input_shape)
    if len(shape) < 4:
        raise ValueError(f"input_shape is {shape}, but a TimeDistributed around a recurrent layer takes "
                         "(batch, outer timesteps, timesteps, features)")
    batch, outer = shape[:2]
    inner = returns(layer.layer, (batch, *shape[2:]))
    return {name: (batch, outer, *rest[1:]) for name, rest in inner.items()}


def _conv_lstm(layer, input_shape) -> dict[str, tuple]:
    cell = layer.cell
    axes = ["batch", "timesteps", *(f"axis {k + 1}" for k in range(cell.rank))]
    channels_first = cell.data_format == "channels_first"
    names = [*axes[:2], "channels", *axes[2:]] if channels_first else [*axes, "channels"]
    batch, timesteps, *rest = _axes(input_shape, *names)
    space = rest[1:] if channels_first else rest[:-1]
    space = tuple(_convolved(size, kernel, stride, dilation, cell.padding) for size, kernel, stride, dilation
                  in zip(space, cell.kernel_size, cell.strides, cell.dilation_rate))
    state = (batch, cell.filters, *space) if channels_first else (batch, *space, cell.filters)
    promised = {"output": (batch, timesteps, *state[1:]) if layer.return_sequences else state}
    return promised | {"hidden": state, "cell": state} if layer.return_state else promised


def _convolved(size: int | None, kernel: int, stride: int, dilation: int, padding: str) -> int | None:
    """The length of one axis after a convolution."""
    if size is None:
        return None
    reach = size if padding == "same" else size - dilation * (kernel - 1)
    return -(-reach // stride)


def _axes(input_shape, *names: str) -> tuple:
    shape = tuple(input_shape)
    if len(shape) != len(names):
        raise ValueError(f"input_shape is {shape}, but this layer takes ({', '.join(names)})")
    return shape


def _sizes(cell) -> list[int]:
    size = cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]


def _state_names(cell) -> list[str]:
    count = len(_sizes(cell))
    if type(cell).__name__ in ("SimpleRNNCell", "GRUCell", "LSTMCell"):
        return ["hidden", "cell"][:count]
    return [f"state_{k}" for k in range(1, count + 1)]


@dataclass(frozen=True)
class ParamCount:
    """How many weights there are, and where; ``hidden_to_output`` is the Dense layer on top, if any."""

    input_to_hidden: int
    hidden_to_hidden: int
    biases: int
    hidden_to_output: int = 0
    output_biases: int = 0

    @property
    def layer(self) -> int:
        """The recurrent layer alone: what its ``count_params()`` says."""
        return self.input_to_hidden + self.hidden_to_hidden + self.biases

    @property
    def total(self) -> int:
        """The layer and the Dense layer on top of it."""
        return self.layer + self.hidden_to_output + self.output_biases


def count_params(kind: str, *, features: int, units: int, classes: int = 0, use_bias: bool = True,
                 reset_after: bool = True) -> ParamCount:
    """How many weights a recurrent layer has, block by block.

    Parameters
    ----------
    kind : str
        ``"SimpleRNN"`` (1 block), ``"GRU"`` (3 blocks) or ``"LSTM"`` (4 blocks).
    features, units : int
        The sizes of one input vector and of the hidden state. The number of timesteps does not enter.
    classes : int
        The units of a Dense layer on the last output; 0 for none.
    use_bias, reset_after : bool
        As in Keras; a GRU with ``reset_after`` has two bias rows.

    Raises
    ------
    ValueError
        If there is no such kind, or a size is not a positive whole number.
    """
    if kind not in _BLOCKS:
        raise ValueError(f"kind is {kind!r}, but there are only {', '.join(_BLOCKS)}")
    for name, size, least in (("features", features, 1), ("units", units, 1), ("classes", classes, 0)):
        _check_size(name, size, least)
    blocks = _BLOCKS[kind]
    bias_rows = (2 if kind == "GRU" and reset_after else 1) if use_bias else 0
    return ParamCount(
        input_to_hidden=blocks * features * units,
        hidden_to_hidden=blocks * units * units,
        biases=bias_rows * blocks * units,
        hidden_to_output=units * classes,
        output_biases=classes if use_bias else 0,
    )


def count_feedforward_params(*, timesteps: int, features: int, units: int, classes: int,
                             use_bias: bool = True) -> ParamCount:
    """How many weights a feedforward network needs to give every timestep its own hidden units and output.

    All inputs at once, ``timesteps * features``, meet ``timesteps * units`` hidden units, and these meet
    ``timesteps * classes`` outputs. There is no hidden-to-hidden block.

    Raises
    ------
    ValueError
        If a size is not a positive whole number.
    """
    sizes = {"timesteps": timesteps, "features": features, "units": units, "classes": classes}
    for name, size in sizes.items():
        _check_size(name, size, 1)
    hidden, outputs = timesteps * units, timesteps * classes
    return ParamCount(
        input_to_hidden=timesteps * features * hidden,
        hidden_to_hidden=0,
        biases=hidden if use_bias else 0,
        hidden_to_output=hidden * outputs,
        output_biases=outputs if use_bias else 0,
    )


def _check_size(name: str, size, least: int) -> None:
    if not isinstance(size, int) or isinstance(size, bool) or size < least:
        raise ValueError(f"{name} is {size!r}, but it must be a whole number of at least {least}")
