"""From a live Keras layer to its cell and its gates, and back."""

from __future__ import annotations

from dataclasses import replace

from .activations import activation
from .cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from .trace import BidirectionalTrace, Trace
from .unroll import unroll

_CELLS = {"SimpleRNNCell": SimpleRNNCell, "LSTMCell": LSTMCell, "GRUCell": GRUCell}


def from_keras(layer) -> Cell | tuple[Cell, Cell]:
    """The cell of a built Keras layer: its weights, its activations, its dialect.

    Parameters
    ----------
    layer : keras.layers.SimpleRNN, LSTM, GRU, RNN around one of their cells, or Bidirectional around one of these
        A layer that has weights; one inside a trained model will do.

    Returns
    -------
    Cell
        For a layer of one direction.
    tuple of Cell
        For a Bidirectional: the cell of the forward half, then of the backward half.

    Raises
    ------
    TypeError
        If the layer is not one of these; the message says what to pass instead.
    ValueError
        If it is not built yet, or computes in a dtype or with an activation that is not written out here.
    """
    import keras

    if isinstance(layer, keras.layers.Bidirectional):
        return from_keras(layer.forward_layer), from_keras(layer.backward_layer)
    return _cell_of(_keras_cell(layer), layer)


def _cell_of(cell, layer) -> Cell:
    """The value of one Keras cell of a layer."""
    name = type(cell).__name__
    if name not in _CELLS:
        raise TypeError(f"layer {layer.name!r} runs a {name}, but only SimpleRNNCell, LSTMCell and GRUCell are "
                        "written out here")
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


def to_keras(cell: Cell | tuple[Cell, Cell], **options):
    """A built Keras layer with the weights of a cell, or a Bidirectional with those of two.

    Parameters
    ----------
    cell : SimpleRNNCell, LSTMCell or GRUCell, or a tuple of two
        The weights; of two cells, those of the forward half, then of the backward half.
    **options
        What else the layer takes: ``return_sequences``, ``return_state``, ``go_backwards``, ``name``, …
        ``merge_mode`` and ``name`` are a Bidirectional's own; the others go to both of its halves.

    Raises
    ------
    TypeError
        If ``cell`` is no cell, and no pair of cells.
    ValueError
        If two cells do not make one Bidirectional: they differ in kind, features or dtype.
    """
    if isinstance(cell, tuple):
        return _to_bidirectional(cell, options)
    return _to_layer(cell, options)


def _to_bidirectional(cells: tuple[Cell, ...], options: dict):
    import keras

    if len(cells) != 2:
        raise TypeError(f"cell is a tuple of {len(cells)}, but a Bidirectional takes two cells: forward, backward")
    own = {name: options.pop(name) for name in ("merge_mode", "name") if name in options}
    if "go_backwards" in options:
        raise ValueError("go_backwards was given for two cells, but a Bidirectional runs its second half backwards of itself")
    forward, backward = (_to_layer(cell, options | {"go_backwards": k == 1}) for k, cell in enumerate(cells))
    for what in ("kind", "features", "dtype"):
        values = [getattr(cell, what) for cell in cells]
        if values[0] != values[1]:
            raise ValueError(f"the two cells have the {what} {values[0]} and {values[1]}, but the halves of a Bidirectional share it")
    layer = keras.layers.Bidirectional(forward, backward_layer=backward, dtype=cells[0].dtype.name, **own)
    layer.build((None, None, cells[0].features))
    for half, cell in zip((layer.forward_layer, layer.backward_layer), cells):
        half.set_weights(_weights(cell))  # Keras builds the forward half anew
    return layer


def _to_layer(cell: Cell, options: dict):
    import keras

    if not isinstance(cell, Cell):
        raise TypeError(f"cell is a {type(cell).__name__}, but to_keras takes a SimpleRNNCell, LSTMCell or GRUCell, or a "
                        "tuple of two")
    settings = {name: getattr(cell, name) for name in ("activation", "recurrent_activation", "reset_after")
                if hasattr(cell, name)}
    layer = getattr(keras.layers, cell.kind)(
        cell.units, use_bias=cell.bias is not None, dtype=cell.dtype.name, **settings, **options)
    layer.build((None, None, cell.features))
    layer.set_weights(_weights(cell))
    return layer


def _weights(cell: Cell) -> list:
    """As ``set_weights`` takes them."""
    return [w for w in (cell.kernel, cell.recurrent_kernel, cell.bias) if w is not None]


def trace(layer, x, initial_state=None, mask=None):
    """Every gate and state of a Keras layer over an input, at every timestep.

    The layer's own settings hold: ``go_backwards``, ``zero_output_for_mask``, and, when it is
    ``stateful``, the states that it holds now. Dropout is not applied: a trace is of inference.

    Parameters
    ----------
    layer : keras.layers.SimpleRNN, LSTM, GRU, RNN or Bidirectional, or a keras.Sequential
        A built layer. In a Sequential each layer is run on what came before it, masks included.
    x : array or tensor, shape (batch, timesteps, features)
        What you would call the layer with; for a Sequential, whatever its first layer takes.
    initial_state : array, or list of arrays, optional
        As for the layer; see :func:`unrolled.unroll`. A Bidirectional takes the forward half's states,
        then the backward half's; an RNN of several cells a list with the states of each.
    mask : array, optional
        As for the layer; see :func:`unrolled.unroll`.

    Returns
    -------
    Trace
        For a layer with one cell.
    BidirectionalTrace
        For a Bidirectional: a trace for each half.
    tuple of Trace
        For an ``RNN([cells])``: one for each cell.
    dict
        For a Sequential: one of the above for each recurrent layer, by the layer's name.

    Raises
    ------
    TypeError, ValueError
        As :func:`from_keras` and :func:`unrolled.unroll`.
    """
    import keras

    mask = None if mask is None else _array(mask)
    if isinstance(layer, keras.Sequential):
        return _trace_sequential(layer, x, initial_state, mask)
    if isinstance(layer, keras.layers.Bidirectional):
        return _trace_bidirectional(layer, x, initial_state, mask)
    if isinstance(getattr(layer, "cell", None), keras.layers.StackedRNNCells):
        return _trace_stack(layer, _array(x), initial_state, mask)
    cell = from_keras(layer)
    return unroll(cell, _array(x), _states(layer, initial_state), mask,
                  go_backwards=layer.go_backwards, zero_output_for_mask=layer.zero_output_for_mask)


def _states(layer, initial_state):
    """The given initial state as arrays, or the one that a stateful layer holds."""
    if initial_state is None and layer.stateful:
        initial_state = layer.states
    if initial_state is None:
        return None
    if not isinstance(initial_state, (list, tuple)):
        return _array(initial_state)
    return [[_array(s) for s in item] if isinstance(item, (list, tuple)) else _array(item) for item in initial_state]


def _trace_bidirectional(layer, x, initial_state, mask) -> BidirectionalTrace:
    halves = layer.forward_layer, layer.backward_layer
    if initial_state is None:
        states = (None, None)
    else:
        half = len(initial_state) // 2
        if len(initial_state) % 2:
            raise ValueError(f"initial_state has {len(initial_state)} item(s), but a Bidirectional takes the forward "
                             "half's states and then the backward half's")
        states = initial_state[:half], initial_state[half:]
    traces = [trace(half, x, state, mask) for half, state in zip(halves, states)]
    return BidirectionalTrace(*traces, merge_mode=layer.merge_mode)


def _trace_stack(layer, x, initial_state, mask) -> tuple[Trace, ...]:
    cells = [_cell_of(cell, layer) for cell in layer.cell.cells]
    states = _states(layer, initial_state)
    if states is None:
        states = [None] * len(cells)
    elif len(states) != len(cells):
        raise ValueError(f"initial_state has {len(states)} item(s), but the layer stacks {len(cells)} cells: "
                         "give a list with the states of each")
    traces, backwards = [], layer.go_backwards
    for cell, state in zip(cells, states):
        # Only the first cell meets the input; the others meet the states of the one below, already in order.
        traces.append(unroll(cell, x, state, mask, go_backwards=backwards,
                             zero_output_for_mask=layer.zero_output_for_mask))
        x, mask, backwards = traces[-1].hidden, traces[-1].mask, False
    return tuple(replace(t, time=traces[0].time) for t in traces)


def _trace_sequential(model, x, initial_state, mask) -> dict[str, object]:
    import keras

    if initial_state is not None:
        raise ValueError("initial_state was given for a whole model: trace the one layer that is to start there")
    traces = {}
    for layer in model.layers:
        if isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional)):
            traces[layer.name] = trace(layer, x, mask=mask)
        before, mask = mask, layer.compute_mask(x, mask) if layer.supports_masking else None
        x = _call(layer, x, before)
    if not traces:
        raise TypeError(f"model {model.name!r} has no recurrent layer to trace")
    return traces


def _call(layer, x, mask):
    """Run one layer in inference on an input whose mask is known; states of a stateful layer are put back."""
    held = [(v, _array(v)) for v in layer.non_trainable_variables] if getattr(layer, "stateful", False) else []
    takes_mask = getattr(layer, "_call_has_mask_arg", False)
    y = layer(x, mask=mask) if takes_mask and mask is not None else layer(x)
    for variable, value in held:
        variable.assign(value)
    return y


def _keras_cell(layer):
    """The Keras cell inside a layer, or a TypeError that says what to pass instead."""
    import keras

    if isinstance(layer, keras.Model):
        raise TypeError(f"{layer.name!r} is a whole model: pass one of its recurrent layers, "
                        "for instance model.layers[0]")
    cell = getattr(layer, "cell", None)
    if isinstance(cell, keras.layers.StackedRNNCells):
        raise TypeError(f"layer {layer.name!r} stacks several cells, and from_keras gives one: "
                        "trace(layer, x) takes the stack, and gives one trace a cell")
    if not isinstance(layer, keras.layers.RNN) or type(layer).__name__.startswith("ConvLSTM"):
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
