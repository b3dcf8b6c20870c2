"""From a live Keras layer to its cell and its gates, and back."""

from __future__ import annotations

from .activations import activation
from .cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from .trace import Trace
from .unroll import unroll

_CELLS = {"SimpleRNNCell": SimpleRNNCell, "LSTMCell": LSTMCell, "GRUCell": GRUCell}


def from_keras(layer) -> Cell:
    """The cell of a built Keras layer: its weights, its activations, its dialect.

    Parameters
    ----------
    layer : keras.layers.SimpleRNN, LSTM, GRU, or RNN around one of their cells
        A layer that has weights; one inside a trained model will do.

    Raises
    ------
    TypeError
        If the layer is not one of these; the message says what to pass instead.
    ValueError
        If it is not built yet, or computes in a dtype or with an activation that is not written out here.
    """
    cell = _keras_cell(layer)
    name = type(cell).__name__
    if not layer.built:
        raise ValueError(f"layer {layer.name!r} is not built yet, so it has no weights: call it once, "
                         "or layer.build((batch, timesteps, features))")
    if layer.compute_dtype not in ("float32", "float64"):
        raise ValueError(f"layer {layer.name!r} computes in {layer.compute_dtype}, but a trace is float32 or float64")
    weights = [w if w is None else _array(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias)]
    options = {"activation": _activation_name(cell, "activation")}
    if name != "SimpleRNNCell":
        options["recurrent_activation"] = _activation_name(cell, "recurrent_activation")
    if name == "GRUCell":
        options["reset_after"] = cell.reset_after
    return _CELLS[name](*weights, **options)


def to_keras(cell: Cell, **options):
    """A built Keras layer with the weights of a cell.

    Parameters
    ----------
    cell : SimpleRNNCell, LSTMCell or GRUCell
        The weights.
    **options
        What else the layer takes: ``return_sequences``, ``return_state``, ``go_backwards``, ``name``, …

    Raises
    ------
    TypeError
        If ``cell`` is no cell.
    """
    import keras

    if not isinstance(cell, Cell):
        raise TypeError(f"cell is a {type(cell).__name__}, but to_keras takes a SimpleRNNCell, LSTMCell or GRUCell")
    settings = {name: getattr(cell, name) for name in ("activation", "recurrent_activation", "reset_after")
                if hasattr(cell, name)}
    layer = getattr(keras.layers, cell.kind)(
        cell.units, use_bias=cell.bias is not None, dtype=cell.dtype.name, **settings, **options)
    layer.build((None, None, cell.features))
    layer.set_weights([w for w in (cell.kernel, cell.recurrent_kernel, cell.bias) if w is not None])
    return layer


def trace(layer, x, initial_state=None, mask=None) -> Trace:
    """Every gate and state of a Keras layer over an input, at every timestep.

    The layer's own settings hold: ``go_backwards``, ``zero_output_for_mask``, and, when it is
    ``stateful``, the states that it holds now. Dropout is not applied: a trace is of inference.

    Parameters
    ----------
    layer : keras.layers.SimpleRNN, LSTM or GRU
        A built layer.
    x : array or tensor, shape (batch, timesteps, features)
        What you would call the layer with.
    initial_state, mask
        As for the layer; see :func:`unrolled.unroll`.

    Raises
    ------
    TypeError, ValueError
        As :func:`from_keras` and :func:`unrolled.unroll`.
    """
    cell = from_keras(layer)
    if initial_state is None and layer.stateful and layer.states is not None:
        initial_state = layer.states
    if initial_state is not None:
        several = isinstance(initial_state, (list, tuple))
        initial_state = [_array(s) for s in initial_state] if several else _array(initial_state)
    return unroll(cell, _array(x), initial_state, None if mask is None else _array(mask),
                  go_backwards=layer.go_backwards, zero_output_for_mask=layer.zero_output_for_mask)


def _keras_cell(layer):
    """The Keras cell inside a layer, or a TypeError that says what to pass instead."""
    import keras

    if isinstance(layer, keras.layers.Bidirectional):
        raise TypeError(f"layer {layer.name!r} is a Bidirectional, which holds two layers: "
                        "pass layer.forward_layer or layer.backward_layer")
    if isinstance(layer, keras.Model):
        raise TypeError(f"{layer.name!r} is a whole model: pass one of its recurrent layers, "
                        "for instance model.layers[0]")
    cell = getattr(layer, "cell", None)
    if isinstance(cell, keras.layers.StackedRNNCells):
        raise TypeError(f"layer {layer.name!r} stacks several cells: make one layer of each, and pass those")
    if not isinstance(layer, keras.layers.RNN) or type(cell).__name__ not in _CELLS:
        raise TypeError(f"layer is a {type(layer).__name__}, which is not recurrent, or not one that is written "
                        "out here: pass a SimpleRNN, an LSTM or a GRU layer")
    return cell


def _activation_name(cell, which: str) -> str:
    import keras

    name = keras.activations.serialize(getattr(cell, which))
    name = name if isinstance(name, str) else str(name)
    try:
        activation(name)
    except ValueError as unknown:
        raise ValueError(f"the layer's {which}: {unknown}") from None
    return name


def _array(tensor):
    """A NumPy array of a tensor of any backend, or of an array."""
    import keras

    return keras.ops.convert_to_numpy(tensor)
