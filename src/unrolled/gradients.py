"""Backpropagation through time: the exact gradients of a loss on the outputs or states of a trace.

Each ``_…_step`` goes back over one timestep, and its lines are the derivatives of the lines of ``step`` in
:mod:`unrolled.cells`, from the last to the first. ``d`` before a name is the gradient of the loss with respect to it.
Source: Werbos, *Backpropagation through time* (1990), equations 7 to 11.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .activations import Array, derivative
from .trace import GRUTrace, LSTMTrace, SimpleRNNTrace, Trace, before
from .unroll import last_valid


@dataclass(frozen=True, eq=False)
class Gradients:
    """The gradient of a loss with respect to all that a layer computed it from.

    Index ``t`` is the same step as in the trace: with ``go_backwards``, the order of processing.

    Attributes
    ----------
    kernel, recurrent_kernel, bias : array
        Shaped like the cell's weights, summed over batch and timesteps; ``bias`` is None if the cell has none.
    x : array, shape (batch, timesteps, features)
        0 at masked steps.
    initial_hidden, initial_cell : array, shape (batch, units)
        ``initial_cell`` is None but for an LSTM.
    hidden, cell : array, shape (batch, timesteps, units)
        With respect to the state after each step, by every way that leads from there to the loss. ``cell`` counts the
        ways that do not pass through the same step's ``hidden``; it is None but for an LSTM.
    pre_activation : array, shape (batch, timesteps, blocks * units)
        With respect to what went into each gate's activation; 0 at masked steps.
    """

    kernel: Array
    recurrent_kernel: Array
    bias: Array | None
    x: Array
    initial_hidden: Array
    initial_cell: Array | None
    hidden: Array
    cell: Array | None
    pre_activation: Array

    def __repr__(self):
        batch, timesteps, units = self.hidden.shape
        return f"Gradients(batch={batch}, timesteps={timesteps}, units={units})"


def backpropagate(trace: Trace, *, output=None, final_output=None, hidden=None, cell=None, final_hidden=None,
                  final_cell=None) -> Gradients:
    """Carry the gradient of a loss back through every step of a trace.

    Parameters
    ----------
    trace : SimpleRNNTrace, LSTMTrace or GRUTrace
        What :func:`unrolled.trace` or :func:`unrolled.unroll` gave.
    output, hidden, cell : array, shape (batch, timesteps, units), optional
        The gradient of the loss with respect to the field of that name, where the loss reads it directly.
    final_output, final_hidden, final_cell : array, shape (batch, units), optional
        The same for the last step's. At least one of the six must be given; they add up.

    Returns
    -------
    Gradients
        In the trace's dtype.

    Raises
    ------
    TypeError
        If ``trace`` is no trace of one layer.
    ValueError
        If no loss gradient is given, one has another shape or is not finite, or the trace holds NaN or infinity.
    """
    _check_trace(trace)
    given = {"output": output, "final_output": final_output, "hidden": hidden, "cell": cell,
             "final_hidden": final_hidden, "final_cell": final_cell}
    direct_hidden, direct_cell = _direct(trace, {name: d for name, d in given.items() if d is not None})
    at_input, at_recurrent, *states = _back_through_time(trace, direct_hidden, direct_cell)
    return _weight_gradients(trace, at_input, at_recurrent, *states)


def _back_through_time(trace: Trace, direct_hidden: Array, direct_cell: Array):
    """From the last step to the first. Each state gets what the loss reads of it, and what the step after it hands back."""
    step = _STEPS[trace.kind]
    # The state before each step that the step's lines need: c of an LSTM, h of the others
    earlier = trace.cell_before if trace.kind == "LSTM" else before(trace.hidden, trace.initial_hidden)
    at_input = np.empty((*trace.hidden.shape[:2], trace.weights.kernel.shape[1]), trace.hidden.dtype)
    at_recurrent, hidden, cell = np.empty_like(at_input), np.empty_like(trace.hidden), np.empty_like(trace.hidden)
    dh = dc = np.zeros_like(trace.initial_hidden)
    for t in reversed(range(trace.hidden.shape[1])):
        hidden[:, t] = dh = dh + direct_hidden[:, t]
        cell[:, t] = dc = dc + direct_cell[:, t]
        da, da_recurrent, *states = step(trace, earlier, t, dh, dc)
        on = True if trace.mask is None else trace.mask[:, t, None]
        at_input[:, t], at_recurrent[:, t] = np.where(on, da, 0), np.where(on, da_recurrent, 0)
        dh, dc = (np.where(on, new, old) for new, old in zip(states, (dh, dc)))  # a masked step hands on what it got
    return at_input, at_recurrent, hidden, cell, dh, dc


def _simple_rnn_step(trace: SimpleRNNTrace, earlier: Array, t: int, dh: Array, dc: Array):
    """Back over one step: to what went into tanh, and to the state before."""
    phi_slope = derivative(trace.weights.activation)

    da = dh * phi_slope(trace.hidden_pre[:, t], trace.hidden[:, t])         # h = phi(a)
    dh_before = da @ trace.weights.recurrent_kernel.T                       # a = x W + h_before U + b
    return da, da, dh_before, dc


def _lstm_step(trace: LSTMTrace, earlier: Array, t: int, dh: Array, dc: Array):
    """Back over one step: to what went into the four activations, and to both states before."""
    i, f, o = trace.input_gate[:, t], trace.forget_gate[:, t], trace.output_gate[:, t]
    candidate, c, phi_c, c_before = trace.candidate[:, t], trace.cell[:, t], trace.cell_activated[:, t], earlier[:, t]
    a_i, a_f, a_c, a_o = np.split(trace.pre_activation[:, t], 4, axis=-1)
    sigma_slope, phi_slope = derivative(trace.weights.recurrent_activation), derivative(trace.weights.activation)

    do = dh * phi_c                                                         # h = o * phi(c)
    dc = dc + dh * o * phi_slope(c, phi_c)
    df = dc * c_before                                                      # c = f * c_before + i * candidate
    dc_before = dc * f
    di = dc * candidate
    dcandidate = dc * i
    da = np.concatenate([di * sigma_slope(a_i, i), df * sigma_slope(a_f, f),
                         dcandidate * phi_slope(a_c, candidate), do * sigma_slope(a_o, o)], axis=-1)
    dh_before = da @ trace.weights.recurrent_kernel.T                       # a = x W + h_before U + b
    return da, da, dh_before, dc_before


def _gru_step(trace: GRUTrace, earlier: Array, t: int, dh: Array, dc: Array):
    """Back over one step: to what went into the three activations, and to the state before."""
    z, r, candidate, h_before = trace.update_gate[:, t], trace.reset_gate[:, t], trace.candidate[:, t], earlier[:, t]
    under_reset = trace.recurrent_candidate[:, t]
    a_z, a_r, a_h = np.split(trace.pre_activation[:, t], 3, axis=-1)
    U_z, U_r, U_h = np.split(trace.weights.recurrent_kernel, 3, axis=-1)
    sigma_slope, phi_slope = derivative(trace.weights.recurrent_activation), derivative(trace.weights.activation)

    dz = dh * (h_before - candidate)                                        # h = z * h_before + (1 - z) * candidate
    dh_before = dh * z
    da_h = dh * (1 - z) * phi_slope(a_h, candidate)                         # candidate = phi(a_h)
    da_z = dz * sigma_slope(a_z, z)
    dproduct = da_h if trace.weights.reset_after else da_h @ U_h.T          # a_h = x W_h + b_h + (r * under_reset) [@ U_h]
    da_r = dproduct * under_reset * sigma_slope(a_r, r)
    dh_before = dh_before + da_z @ U_z.T + da_r @ U_r.T
    if trace.weights.reset_after:                                           # under_reset = h_before U_h + b'_h
        dh_before = dh_before + (dproduct * r) @ U_h.T
    else:                                                                   # under_reset = h_before
        dh_before = dh_before + dproduct * r
    at_recurrent = [da_z, da_r, dproduct * r if trace.weights.reset_after else da_h]
    return np.concatenate([da_z, da_r, da_h], axis=-1), np.concatenate(at_recurrent, axis=-1), dh_before, dc


_STEPS = {"SimpleRNN": _simple_rnn_step, "LSTM": _lstm_step, "GRU": _gru_step}


def _weight_gradients(trace: Trace, at_input, at_recurrent, hidden, cell, initial_hidden, initial_cell) -> Gradients:
    """What each step says of the weights, summed; and the way on to the input, for all steps at once."""
    weights, lstm = trace.weights, trace.kind == "LSTM"
    x, h = trace.x, before(trace.hidden, trace.initial_hidden)
    if trace.mask is not None:
        x = np.where(trace.mask[..., None], x, 0)  # what is there may be NaN, and counts for nothing
    recurrent_kernel = np.tensordot(h, at_recurrent, ((0, 1), (0, 1)))
    if trace.kind == "GRU" and not weights.reset_after:  # U_h meets the state after the reset
        last = slice(2 * weights.units, None)
        reset = np.nan_to_num(trace.recurrent_candidate_reset, nan=0.0)
        recurrent_kernel[:, last] = np.tensordot(reset, at_recurrent[..., last], ((0, 1), (0, 1)))
    bias = None if weights.bias is None else at_input.sum(axis=(0, 1))
    if bias is not None and weights.bias.ndim == 2:
        bias = np.stack([bias, at_recurrent.sum(axis=(0, 1))])
    return Gradients(
        kernel=np.tensordot(x, at_input, ((0, 1), (0, 1))), recurrent_kernel=recurrent_kernel, bias=bias,
        x=at_input @ weights.kernel.T, initial_hidden=initial_hidden, initial_cell=initial_cell if lstm else None,
        hidden=hidden, cell=cell if lstm else None, pre_activation=at_input)


def _direct(trace: Trace, given: dict) -> tuple[Array, Array]:
    """What the loss reads of each hidden and each cell state directly, ``(batch, timesteps, units)`` each."""
    if not given:
        raise ValueError("no gradient of the loss was given: pass output, final_output, hidden, cell, final_hidden or "
                         "final_cell, for instance output=2 * (trace.output - target)")
    hidden, cell, output = np.zeros((3, *trace.hidden.shape), trace.hidden.dtype)
    into = {"output": output, "hidden": hidden, "cell": cell}
    for name, gradient in given.items():
        field = name.removeprefix("final_")
        if field == "cell" and trace.kind != "LSTM":
            raise ValueError(f"{name} was given, but a {trace.kind} has no cell state")
        target = into[field][:, -1] if field != name else into[field]
        gradient = np.asarray(gradient)
        if gradient.shape != target.shape:
            raise ValueError(f"{name} has shape {gradient.shape}, but the trace's {name} has {target.shape}")
        if not np.isfinite(gradient).all():
            raise ValueError(f"{name} holds NaN or infinity, so there is no gradient to carry back")
        target += gradient
    return hidden + _behind_output(trace, output), cell


def _behind_output(trace: Trace, output: Array) -> Array:
    """The output's gradient, where the hidden states stand that were shown: at a masked step the last valid one, or none."""
    if trace.mask is None:
        return output
    last = last_valid(trace.mask)
    shows = trace.mask if trace.zero_output_for_mask else last >= 0
    hidden = np.zeros_like(output)
    batch, steps = np.nonzero(shows)
    np.add.at(hidden, (batch, last[batch, steps]), output[batch, steps])
    return hidden


def _check_trace(trace) -> None:
    if not isinstance(trace, Trace):
        raise TypeError(f"trace is a {type(trace).__name__}, but backpropagate takes the trace of one layer, as "
                        "unrolled.trace(layer, x) gives it; of a Bidirectional take .forward or .backward")
    valid = np.True_ if trace.mask is None else trace.mask[..., None]
    for name in ("x", "initial_hidden", "pre_activation", "hidden"):
        array = getattr(trace, name)
        bad = ~np.isfinite(array) & (valid if array.ndim == 3 else True)
        if bad.any():
            where = f" at step {np.flatnonzero(bad.any(axis=(0, 2)))[0]}" if bad.ndim == 3 else ""
            raise ValueError(f"the trace's {name} holds NaN or infinity{where}, so it has no gradients")
