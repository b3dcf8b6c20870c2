"""What a layer promises before it runs: what a call returns, and how many weights it has."""

from __future__ import annotations

from dataclasses import dataclass

_BLOCKS = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}


def returns(layer, input_shape=(None, None, None)) -> dict[str, tuple]:
    """The names and shapes of what a call of a recurrent layer gives back, in order.

    The layer is not run, and need not be built.

    Parameters
    ----------
    layer : keras.layers.SimpleRNN, LSTM or GRU
        Only its settings are read.
    input_shape : tuple (batch, timesteps, features)
        None where a size is open.

    Returns
    -------
    dict
        ``{"output": shape}``, and with ``return_state`` also ``"hidden"``, and ``"cell"`` for an LSTM.

    Raises
    ------
    TypeError
        If the layer is not one of these.
    ValueError
        If ``input_shape`` does not have three entries.
    """
    kind = _kind(layer)
    if len(tuple(input_shape)) != 3:
        raise ValueError(f"input_shape is {tuple(input_shape)}, but a recurrent layer takes (batch, timesteps, features)")
    batch, timesteps, _ = input_shape
    state = (batch, layer.units)
    promised = {"output": (batch, timesteps, layer.units) if layer.return_sequences else state}
    if layer.return_state:
        promised["hidden"] = state
        if kind == "LSTM":
            promised["cell"] = state
    return promised


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


def _kind(layer) -> str:
    """A Keras layer's kind by its class and those it inherits from, with no import of Keras."""
    for base in type(layer).__mro__:
        if base.__name__ in _BLOCKS and hasattr(layer, "return_sequences"):
            return base.__name__
    raise TypeError(f"layer is a {type(layer).__name__}, but returns takes a SimpleRNN, an LSTM or a GRU layer")


def _check_size(name: str, size, least: int) -> None:
    if not isinstance(size, int) or isinstance(size, bool) or size < least:
        raise ValueError(f"{name} is {size!r}, but it must be a whole number of at least {least}")
