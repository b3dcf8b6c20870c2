"""Each field of a trace follows from the fields it is named after, by equations written here anew."""

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

import unrolled as ur

BATCH, TIMESTEPS, FEATURES, UNITS = 5, 7, 3, 4


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _previous(states, initial):
    return np.stack([initial, *np.moveaxis(states, 1, 0)[:-1]], axis=1)


def _columns(weight, k):
    return weight[..., k * UNITS:(k + 1) * UNITS]


def _simple_rnn(t):
    w, h = t.weights, _previous(t.hidden, t.initial_hidden)
    return {"hidden_pre": t.x @ w.kernel + h @ w.recurrent_kernel + w.bias, "hidden": np.tanh(t.hidden_pre),
            "pre_activation": t.hidden_pre}


def _lstm(t):
    w, h, c = t.weights, _previous(t.hidden, t.initial_hidden), _previous(t.cell, t.initial_cell)

    def pre(k):
        return t.x @ _columns(w.kernel, k) + h @ _columns(w.recurrent_kernel, k) + _columns(w.bias, k)

    return {"input_gate_pre": pre(0), "forget_gate_pre": pre(1), "candidate_pre": pre(2), "output_gate_pre": pre(3),
            "pre_activation": np.concatenate([pre(k) for k in range(4)], axis=-1),
            "input_gate": _sigmoid(t.input_gate_pre), "forget_gate": _sigmoid(t.forget_gate_pre),
            "candidate": np.tanh(t.candidate_pre), "output_gate": _sigmoid(t.output_gate_pre),
            "cell_before": c, "kept": t.forget_gate * c, "written": t.input_gate * t.candidate,
            "cell": t.kept + t.written, "cell_activated": np.tanh(t.cell), "hidden": t.output_gate * t.cell_activated,
            "final_cell": t.cell[:, TIMESTEPS - 1]}


def _gru(t):
    w, h = t.weights, _previous(t.hidden, t.initial_hidden)
    bias = np.atleast_2d(w.bias)
    input_bias, recurrent_bias = bias[0], bias[1] if w.reset_after else np.zeros_like(bias[0])

    def into(k):
        return t.x @ _columns(w.kernel, k) + _columns(input_bias, k)

    def gate(k):
        return into(k) + h @ _columns(w.recurrent_kernel, k) + _columns(recurrent_bias, k)

    if w.reset_after:
        under_reset = h @ _columns(w.recurrent_kernel, 2) + _columns(recurrent_bias, 2)
        candidate = into(2) + t.recurrent_candidate_reset
    else:
        under_reset = h
        candidate = into(2) + t.recurrent_candidate_reset @ _columns(w.recurrent_kernel, 2)
    return {"update_gate_pre": gate(0), "reset_gate_pre": gate(1), "candidate_pre": candidate,
            "pre_activation": np.concatenate([gate(0), gate(1), candidate], axis=-1),
            "update_gate": _sigmoid(t.update_gate_pre), "reset_gate": _sigmoid(t.reset_gate_pre),
            "recurrent_candidate": under_reset, "recurrent_candidate_reset": t.reset_gate * under_reset,
            "candidate": np.tanh(t.candidate_pre), "hidden_before": h, "kept": t.update_gate * h,
            "written": (1 - t.update_gate) * t.candidate, "hidden": t.kept + t.written}


ANEW = {"SimpleRNN": _simple_rnn, "LSTM": _lstm, "GRU": _gru}


@pytest.fixture
def trace(draw, rng, kind):
    cell = draw.cell(kind, rng)
    x = rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    return ur.unroll(cell, x, draw.states(cell, rng, BATCH))


def _names(trace):
    """Every public field and property of a trace."""
    properties = {name for name in dir(type(trace)) if isinstance(getattr(type(trace), name, None), property)}
    return {name for name in properties | {f.name for f in fields(trace)} if not name.startswith("_")}


def test_every_field_follows_from_its_named_inputs(trace):
    last = trace.hidden[:, TIMESTEPS - 1]
    expected = ANEW[trace.kind](trace) | {"output": trace.hidden, "final_hidden": last, "final_output": last}
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(trace, name), value, rtol=0, atol=1e-13, err_msg=name)
    settings = {"weights", "x", "mask", "time", "zero_output_for_mask", "initial_hidden", "initial_cell", "kind", "fields"}
    assert _names(trace) - settings == set(expected)


def test_every_field_has_batch_timesteps_units(trace):
    for name in trace.fields:
        assert getattr(trace, name).shape == (BATCH, TIMESTEPS, UNITS), name
    assert trace.initial_hidden.shape == trace.final_hidden.shape == (BATCH, UNITS)


def test_gates_are_between_0_and_1_and_candidates_go_below(trace):
    for name in trace.fields:
        values = getattr(trace, name)
        if name.endswith("gate"):
            assert ((values > 0) & (values < 1)).all(), name
        else:
            assert values.min() < 0, name


def test_arrays_are_read_only(trace):
    stored = {f.name for f in fields(trace)} | set(trace.fields)
    for name in stored:
        array = getattr(trace, name)
        if isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


def test_a_trace_is_frozen(trace):
    with pytest.raises(FrozenInstanceError):
        trace.hidden = trace.hidden


def test_an_unknown_field_says_which_there_are(trace):
    with pytest.raises(AttributeError) as raised:
        trace.forgetgate
    message = str(raised.value)
    assert f"a {trace.kind} trace has no 'forgetgate'" in message
    for name in _names(trace):
        assert name in message


def test_a_trace_says_its_size(trace):
    assert f"batch={BATCH}, timesteps={TIMESTEPS}, units={UNITS}" in repr(trace)
    assert len(repr(trace)) < 200
