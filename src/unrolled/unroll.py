"""The loop over time: ``unroll(cell, x)`` runs a cell over a sequence and keeps everything it computed.

``step`` in :mod:`unrolled.cells` is there to be read; this is there to be fast. The input is projected
for all timesteps in one matrix product, and arrays are allocated once. A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .activations import Array, activation
from .cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from .trace import GRUTrace, LSTMTrace, SimpleRNNTrace, Trace


def unroll(cell: Cell, x, initial_state=None, mask=None, *, go_backwards: bool = False,
           zero_output_for_mask: bool = False) -> Trace:
    """Run a cell over a batch of sequences, as the Keras layer of the same weights does.

    Parameters
    ----------
    cell : SimpleRNNCell, LSTMCell or GRUCell
        The weights. Their dtype is the dtype of the result.
    x : array, shape (batch, timesteps, features)
        The input.
    initial_state : array or pair of arrays, each (batch, units), optional
        The hidden state before the first step; for an LSTM ``(hidden, cell)``. Zeros if not given.
    mask : array of bool, shape (batch, timesteps), optional
        False where a step is padding: states are carried past it.
    go_backwards : bool
        Process the last timestep first. The result stays in the order of processing, as in Keras.
    zero_output_for_mask : bool
        Output zeros at masked steps, where otherwise the last output is repeated.

    Returns
    -------
    Trace
        Every gate, candidate and state, ``(batch, timesteps, units)`` each.

    Raises
    ------
    TypeError
        If ``cell`` is no cell, or ``x`` is not numeric.
    ValueError
        If a shape does not fit the cell or the input; the message names what came and what was expected.
    """
    if not isinstance(cell, (SimpleRNNCell, LSTMCell, GRUCell)):
        raise TypeError(f"cell is a {type(cell).__name__}, but unroll takes a SimpleRNNCell, LSTMCell or "
                        "GRUCell; from a Keras layer, use unrolled.trace(layer, x)")
    x = _check_input(cell, x)
    batch, timesteps = x.shape[:2]
    states = _check_states(cell, initial_state, batch)
    mask = _check_mask(mask, batch, timesteps)
    time = np.arange(timesteps)
    if go_backwards:
        x, time = x[:, ::-1], time[::-1]
        mask = None if mask is None else mask[:, ::-1]

    loop = {"SimpleRNN": _simple_rnn, "LSTM": _lstm, "GRU": _gru}[cell.kind]
    with np.errstate(invalid="ignore", over="ignore"):  # NaN at a masked step is thrown away; exp may reach infinity
        arrays = loop(cell, _project(cell, x), states, mask)
    if mask is not None:
        _blank_masked_steps(arrays, mask)
    arrays["output"] = _output(arrays["hidden"], mask, zero_output_for_mask)
    arrays |= {f"initial_{name}": state for name, state in zip(("hidden", "cell"), states)}
    # Inside, time comes first, so that each step is one contiguous block; outside, batch does.
    by_batch = {name: a if name.startswith("initial_") or name == "output" else a.swapaxes(0, 1)
                for name, a in arrays.items()}
    trace = {"SimpleRNN": SimpleRNNTrace, "LSTM": LSTMTrace, "GRU": GRUTrace}[cell.kind]
    views = {name: _frozen(a) for name, a in (by_batch | {"x": x, "mask": mask, "time": time}).items()}
    return trace(weights=cell, zero_output_for_mask=zero_output_for_mask, **views)


def _project(cell: Cell, x: Array) -> Array:
    """x W + b for all timesteps in one product, ``(timesteps, batch, blocks * units)``.

    The bias is one more row of the kernel, met by an input that is always 1: adding it afterwards
    would go through the whole array once more.
    """
    batch, timesteps, features = x.shape
    bias = np.zeros(cell.kernel.shape[1], cell.dtype) if cell.bias is None else cell.bias
    if bias.ndim == 2:  # GRU, reset_after: the candidate's recurrent bias is added under the reset gate
        bias = bias[0] + np.where(np.arange(3 * cell.units) < 2 * cell.units, bias[1], 0)
    with_one = np.ones((timesteps, batch, features + 1), cell.dtype)
    with_one[..., :features] = x.swapaxes(0, 1)
    kernel = np.vstack([cell.kernel, bias.astype(cell.dtype, copy=False)])
    projected = with_one.reshape(timesteps * batch, features + 1) @ kernel
    return projected.reshape(timesteps, batch, -1)


def _simple_rnn(cell: SimpleRNNCell, pre: Array, states: list[Array], mask: Array | None) -> dict[str, Array]:
    phi = _in_place(cell.activation)
    (h,) = states
    hidden = np.empty_like(pre)
    recurrent = np.empty_like(h)
    for t in range(len(pre)):
        np.matmul(h, cell.recurrent_kernel, out=recurrent)
        pre[t] += recurrent
        phi(pre[t], hidden[t])
        _carry(mask, t, (hidden[t], h))
        h = hidden[t]
    return {"pre_activation": pre, "hidden": hidden}


def _lstm(cell: LSTMCell, pre: Array, states: list[Array], mask: Array | None) -> dict[str, Array]:
    units, sigma, phi = cell.units, _in_place(cell.recurrent_activation), _in_place(cell.activation)
    h, c = states
    gates = np.empty_like(pre)
    i, f, candidate, o = np.split(gates, 4, axis=-1)
    cells, activated, hidden = (np.empty((*pre.shape[:2], units), cell.dtype) for _ in range(3))
    recurrent, written = np.empty_like(pre[0]), np.empty_like(h)
    for t in range(len(pre)):
        np.matmul(h, cell.recurrent_kernel, out=recurrent)
        pre[t] += recurrent
        sigma(pre[t, :, :2 * units], gates[t, :, :2 * units])  # i and f stand side by side
        phi(pre[t, :, 2 * units:3 * units], candidate[t])
        sigma(pre[t, :, 3 * units:], o[t])
        np.multiply(f[t], c, out=cells[t])
        np.multiply(i[t], candidate[t], out=written)
        cells[t] += written
        phi(cells[t], activated[t])
        np.multiply(o[t], activated[t], out=hidden[t])
        _carry(mask, t, (cells[t], c), (hidden[t], h))
        h, c = hidden[t], cells[t]
    return {"pre_activation": pre, "input_gate": i, "forget_gate": f, "candidate": candidate, "output_gate": o,
            "cell": cells, "cell_activated": activated, "hidden": hidden}


def _gru(cell: GRUCell, pre: Array, states: list[Array], mask: Array | None) -> dict[str, Array]:
    units, kernel = cell.units, cell.recurrent_kernel
    sigma, phi = _in_place(cell.recurrent_activation), _in_place(cell.activation)
    gates_kernel, candidate_kernel = np.ascontiguousarray(kernel[:, :2 * units]), kernel[:, 2 * units:]
    bias = 0 if cell.bias is None or not cell.reset_after else cell.bias[1, 2 * units:]
    (h,) = states
    gates = np.empty((*pre.shape[:2], 2 * units), cell.dtype)
    z, r = np.split(gates, 2, axis=-1)
    candidate, under_reset, hidden = (np.empty((*pre.shape[:2], units), cell.dtype) for _ in range(3))
    recurrent, recurrent_gates, mix = np.empty_like(pre[0]), np.empty_like(gates[0]), np.empty_like(h)
    for t in range(len(pre)):
        if cell.reset_after:  # one product for all three blocks; the reset gate scales its last third
            np.matmul(h, kernel, out=recurrent)
            pre[t, :, :2 * units] += recurrent[:, :2 * units]
            np.add(recurrent[:, 2 * units:], bias, out=under_reset[t])
        else:  # the reset gate scales the state, before the product
            np.matmul(h, gates_kernel, out=recurrent_gates)
            pre[t, :, :2 * units] += recurrent_gates
            under_reset[t] = h
        sigma(pre[t, :, :2 * units], gates[t])
        np.multiply(r[t], under_reset[t], out=mix)
        pre[t, :, 2 * units:] += mix if cell.reset_after else mix @ candidate_kernel
        phi(pre[t, :, 2 * units:], candidate[t])
        np.subtract(h, candidate[t], out=mix)  # z h + (1 - z) candidate, with one product
        mix *= z[t]
        np.add(candidate[t], mix, out=hidden[t])
        _carry(mask, t, (hidden[t], h))
        h = hidden[t]
    return {"pre_activation": pre, "update_gate": z, "reset_gate": r, "candidate": candidate,
            "recurrent_candidate": under_reset, "hidden": hidden}


def _in_place(name: str) -> Callable[[Array, Array], object]:
    """An activation that writes into a given array; sigmoid and tanh without a temporary."""
    if name == "tanh":
        return np.tanh
    if name == "sigmoid":
        return _sigmoid
    function = activation(name)
    return lambda x, out: np.copyto(out, function(x))


def _sigmoid(x: Array, out: Array) -> None:
    np.multiply(x, -1, out=out)  # np.negative of NumPy 2.4.6 reads the wrong entries of some strided arrays
    np.exp(out, out=out)
    out += 1
    np.reciprocal(out, out=out)


def _carry(mask: Array | None, t: int, *pairs: tuple[Array, Array]) -> None:
    """Where step t is masked, the new state is the old one."""
    if mask is not None:
        for new, old in pairs:
            np.copyto(new, old, where=~mask[:, t, None])


def _blank_masked_steps(arrays: dict[str, Array], mask: Array) -> None:
    """At a masked step nothing acts: only the states have a value there."""
    for name, array in arrays.items():
        if name not in ("hidden", "cell"):
            array[~mask.T] = np.nan


def _output(hidden: Array, mask: Array | None, zeros: bool) -> Array:
    """What the layer returns as its sequence, ``(batch, timesteps, units)``: hidden, but for masked steps."""
    by_batch = hidden.swapaxes(0, 1)
    if mask is None:
        return by_batch
    last = last_valid(mask)
    shown = np.take_along_axis(by_batch, np.maximum(last, 0)[..., None], axis=1)
    silent = ~mask if zeros else last < 0  # before its first valid step a layer outputs zeros
    shown[silent] = 0
    return shown


def last_valid(mask: Array) -> Array:
    """For each step the last one up to it that the mask calls valid, -1 before the first: whose output is shown there."""
    return np.maximum.accumulate(np.where(mask, np.arange(mask.shape[1]), -1), axis=1)


def _check_input(cell: Cell, x) -> Array:
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"x has dtype {x.dtype}, but unroll takes numbers")
    if x.ndim != 3:
        raise ValueError(f"x has shape {x.shape}, but unroll takes (batch, timesteps, features)"
                         + ("; for one sequence use x[None]" if x.ndim == 2 else ""))
    if 0 in x.shape[:2]:
        what = "an empty batch" if x.shape[0] == 0 else "no timesteps"
        raise ValueError(f"x has shape {x.shape}: {what}, but a trace needs at least one of each")
    if x.shape[2] != cell.features:
        raise ValueError(f"x has {x.shape[2]} features in its last axis, but the kernel takes {cell.features}: "
                         f"kernel.shape == {cell.kernel.shape}")
    return np.array(x, cell.dtype)  # a copy: the trace stays true when the caller's array changes


def _check_states(cell: Cell, initial_state, batch: int) -> list[Array]:
    names = ("hidden", "cell") if cell.kind == "LSTM" else ("hidden",)
    expected = (batch, cell.units)
    if initial_state is None:
        return [np.zeros(expected, cell.dtype) for _ in names]
    given = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
    if len(given) != len(names):
        raise ValueError(f"initial_state has {len(given)} item(s), but a {cell.kind} takes {len(names)}: "
                         f"{', '.join(names)}, each of shape {expected}")
    states = [np.array(state, cell.dtype) for state in given]
    for name, state in zip(names, states):
        if state.shape != expected:
            raise ValueError(f"initial_state's {name} has shape {state.shape}, but expected {expected}, "
                             "which is (batch, units)")
    return states


def _check_mask(mask, batch: int, timesteps: int) -> Array | None:
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.shape == (batch, timesteps, 1):
        mask = mask[..., 0]
    if mask.shape != (batch, timesteps):
        raise ValueError(f"mask has shape {mask.shape}, but x has batch {batch} and {timesteps} timesteps, "
                         f"so mask must be {(batch, timesteps)}")
    return mask.astype(bool)


def _frozen(a: Array | None) -> Array | None:
    if a is not None:
        a = a.view()
        a.flags.writeable = False
    return a
