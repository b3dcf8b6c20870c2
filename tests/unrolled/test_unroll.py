"""``unroll`` is a loop over ``step``: with state, mask and direction, and without spoiling anything."""

import tracemalloc
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import unrolled as ur
from unrolled.fields import fields_of

BATCH, TIMESTEPS, FEATURES, UNITS = 5, 7, 3, 4
KINDS = ("SimpleRNN", "LSTM", "GRU", "GRU reset before")
STATES = ("hidden", "cell")

cases = st.fixed_dictionaries({
    "kind": st.sampled_from(KINDS), "seed": st.integers(0, 10**6), "batch": st.integers(1, 4),
    "timesteps": st.integers(1, 6), "features": st.integers(1, 5), "units": st.integers(1, 5),
    "use_bias": st.booleans(), "activation": st.sampled_from(["tanh", "relu", "linear", "softsign", "sigmoid"]),
    "recurrent_activation": st.sampled_from(["sigmoid", "hard_sigmoid", "tanh"]),
    "dtype": st.sampled_from(["float32", "float64"])})


def _case(draw, case):
    """The cell, an input and an initial state of one drawn case."""
    rng = np.random.default_rng(case["seed"])
    cell = draw.cell(case["kind"], rng, **{k: case[k] for k in
                     ("features", "units", "dtype", "use_bias", "activation", "recurrent_activation")})
    x = rng.normal(size=(case["batch"], case["timesteps"], case["features"])).astype(case["dtype"])
    return cell, x, draw.states(cell, rng, case["batch"])


def _close(a, b, dtype, msg=""):
    """Equal but for the rounding of ``dtype``, measured at the size of what is compared."""
    scale = max(1.0, float(np.nanmax(np.abs(b))))
    np.testing.assert_allclose(a, b, rtol=0, atol=scale * (2e-5 if dtype == "float32" else 1e-12), err_msg=msg)


def _loop(cell, x, states, mask=None):
    """A plain loop over ``step``; a masked step leaves the states and has no gates."""
    states = list(states) if isinstance(states, tuple) else [states]
    steps = []
    for t in range(x.shape[1]):
        step = cell.step(x[:, t], *states)._asdict()
        new = [step[name] for name in STATES if name in step]
        if mask is not None:
            on = mask[:, t, None]
            new = [np.where(on, n, old) for n, old in zip(new, states)]
            step = {k: np.where(on, v, np.nan) for k, v in step.items()} | dict(zip(STATES, new))
        states = new
        steps.append(step)
    return {name: np.stack([step[name] for step in steps], axis=1) for name in steps[0]}


@given(case=cases)
@settings(deadline=None)
def test_unroll_is_a_loop_over_step(draw, case):
    cell, x, states = _case(draw, case)
    trace, looped = ur.unroll(cell, x, states), _loop(cell, x, states)
    assert set(looped) == set(trace.fields)
    for name, expected in looped.items():
        _close(getattr(trace, name), expected, case["dtype"], name)
    assert np.array_equal(trace.output, trace.hidden)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [1, 2, 3, 4, 8])
def test_at_every_width(kind, units, dtype, draw, rng):
    """Gates are views into rows of four or three blocks: NumPy 2.4.6 misreads such views at some widths, in np.negative."""
    cell = draw.cell(kind, rng, units=units, dtype=dtype)
    x, states = rng.normal(size=(9, 3, FEATURES)).astype(dtype), draw.states(cell, rng, 9)
    for name, expected in _loop(cell, x, states).items():
        _close(getattr(ur.unroll(cell, x, states), name), expected, dtype, name)


@given(case=cases, masked=st.integers(0, 2**24 - 1))
@settings(deadline=None)
def test_with_a_mask_too(draw, case, masked):
    cell, x, states = _case(draw, case)
    mask = np.array([masked >> k & 1 for k in range(x.shape[0] * x.shape[1])], bool).reshape(x.shape[:2])
    trace, looped = ur.unroll(cell, x, states, mask), _loop(cell, x, states, mask)
    for name, expected in looped.items():
        _close(getattr(trace, name)[mask], expected[mask], case["dtype"], name) if mask.any() else None
        assert np.array_equal(np.isnan(getattr(trace, name)), np.isnan(expected)), name
    _close(trace.hidden, looped["hidden"], case["dtype"], "hidden")


@given(case=cases)
@settings(deadline=None)
def test_the_dtype_of_the_weights_is_the_dtype_of_everything(draw, case):
    cell, x, states = _case(draw, case)
    trace = ur.unroll(cell, x.astype("float64"), states, np.ones(x.shape[:2], int))
    for name in (*trace.fields, "output", "x", "initial_hidden", "final_hidden", "pre_activation"):
        assert getattr(trace, name).dtype == case["dtype"], name


def test_integer_input_is_cast(draw, rng, kind):
    cell = draw.cell(kind, rng)
    x = rng.integers(-2, 3, (2, 3, 3))
    assert np.array_equal(ur.unroll(cell, x).hidden, ur.unroll(cell, x.astype(float)).hidden)


@given(case=cases, cut=st.integers(1, 5))
@settings(deadline=None)
def test_two_parts_with_the_state_carried_are_the_whole(draw, case, cut):
    cell, x, states = _case(draw, {**case, "timesteps": 6})
    whole = ur.unroll(cell, x, states)
    first = ur.unroll(cell, x[:, :cut], states)
    second = ur.unroll(cell, x[:, cut:], draw.final(first))
    for name in whole.fields:
        _close(np.concatenate([getattr(first, name), getattr(second, name)], axis=1),
               getattr(whole, name), case["dtype"], name)


@given(case=cases, order=st.permutations(range(4)))
@settings(deadline=None)
def test_permuting_the_batch_commutes(draw, case, order):
    cell, x, states = _case(draw, {**case, "batch": 4})
    permuted = tuple(s[order] for s in states) if isinstance(states, tuple) else states[order]
    one, other = ur.unroll(cell, x, states), ur.unroll(cell, x[order], permuted)
    for name in one.fields:
        _close(getattr(other, name), getattr(one, name)[order], case["dtype"], name)


def test_no_initial_state_is_zeros(draw, rng, kind):
    cell, x = draw.cell(kind, rng), rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    zeros = np.zeros((BATCH, UNITS))
    trace = ur.unroll(cell, x)
    assert np.array_equal(trace.hidden, ur.unroll(cell, x, (zeros, zeros) if kind == "LSTM" else zeros).hidden)
    assert not trace.initial_hidden.any()


def test_an_initial_state_matters_in_each_part(draw, rng, kind):
    cell, x = draw.cell(kind, rng), rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    states = draw.states(cell, rng, BATCH)
    states = list(states) if isinstance(states, tuple) else [states]
    base = ur.unroll(cell, x, states).hidden
    for k in range(len(states)):
        other = [s + (j == k) for j, s in enumerate(states)]
        assert np.abs(ur.unroll(cell, x, other).hidden - base)[:, 0].min() > 0


def test_backwards_is_forwards_over_the_reversed_input(draw, rng, kind):
    cell, x = draw.cell(kind, rng), rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    mask = rng.random((BATCH, TIMESTEPS)) < 0.7
    states = draw.states(cell, rng, BATCH)
    back = ur.unroll(cell, x, states, mask, go_backwards=True)
    forth = ur.unroll(cell, x[:, ::-1], states, mask[:, ::-1])
    for name in (*back.fields, "output", "x", "mask", "pre_activation"):
        assert np.array_equal(getattr(back, name), getattr(forth, name), equal_nan=name != "mask"), name
    assert back.time.tolist() == list(range(TIMESTEPS))[::-1]
    assert forth.time.tolist() == list(range(TIMESTEPS))


# Masks, in processing order. Row by row: padded right, padded left, a hole, everything masked, nothing masked.
MASK = np.array([[1, 1, 1, 1, 0, 0, 0],
                 [0, 0, 0, 1, 1, 1, 1],
                 [1, 1, 0, 0, 1, 1, 1],
                 [0, 0, 0, 0, 0, 0, 0],
                 [1, 1, 1, 1, 1, 1, 1]], bool)


@pytest.fixture
def masked(draw, rng, kind):
    """A cell, an input with NaN wherever the mask says so, and nonzero initial states."""
    cell = draw.cell(kind, rng)
    x = rng.normal(size=(*MASK.shape, FEATURES))
    x[~MASK] = np.nan
    return cell, x, draw.states(cell, rng, len(MASK))


@pytest.mark.filterwarnings("error")
def test_a_nan_at_a_masked_step_stays_there(masked):
    cell, x, states = masked
    trace = ur.unroll(cell, x, states, MASK)
    for name in ("output", *STATES):
        if name in (*trace.fields, "output"):
            assert np.isfinite(getattr(trace, name)).all(), name
    for name in (set(trace.fields) - set(STATES)) | {"pre_activation"}:
        assert np.array_equal(np.isnan(getattr(trace, name)).all(axis=-1), ~MASK), name
        assert np.array_equal(np.isnan(getattr(trace, name)).any(axis=-1), ~MASK), name


def test_everything_but_states_is_nan_at_a_masked_step_whatever_stands_there(masked):
    cell, x, states = masked
    one = ur.unroll(cell, x, states, MASK)
    other = ur.unroll(cell, np.nan_to_num(x, nan=3.0), states, MASK)
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray) and field.name != "x":
            assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), field.name


def test_masked_is_the_sequence_without_the_masked_steps(masked):
    cell, x, states = masked
    trace = ur.unroll(cell, x, states, MASK)
    for row, keep in enumerate(MASK):
        if not keep.any():
            assert np.array_equal(trace.hidden[row], np.repeat(trace.initial_hidden[row][None], MASK.shape[1], 0))
            continue
        own = tuple(s[row:row + 1] for s in states) if isinstance(states, tuple) else states[row:row + 1]
        short = ur.unroll(cell, x[row:row + 1, keep], own)
        for name in short.fields:
            np.testing.assert_allclose(getattr(trace, name)[row, keep], getattr(short, name)[0], rtol=0, atol=1e-14)
        np.testing.assert_allclose(trace.final_hidden[row], short.final_hidden[0], rtol=0, atol=1e-14)
        np.testing.assert_allclose(trace.output[row, keep], short.output[0], rtol=0, atol=1e-14)


def test_what_is_shown_at_masked_steps(masked):
    cell, x, states = masked
    output = ur.unroll(cell, x, states, MASK).output
    assert np.array_equal(output[0, 4:], np.repeat(output[0, 3][None], 3, 0))   # right: the last one again
    assert not output[1, :3].any()                                             # left: zeros, whatever the state
    assert np.array_equal(output[2, 2:4], np.repeat(output[2, 1][None], 2, 0))  # hole: the last one again
    assert not output[3].any()                                                 # all: zeros
    assert output[4].all()


def test_zero_output_for_mask(masked):
    cell, x, states = masked
    trace = ur.unroll(cell, x, states, MASK, zero_output_for_mask=True)
    plain = ur.unroll(cell, x, states, MASK)
    assert not trace.output[~MASK].any()
    assert np.array_equal(trace.output[MASK], plain.output[MASK])
    assert np.array_equal(trace.hidden, plain.hidden)
    for one in (trace, plain):  # without return_sequences a layer shows the last of these, zeros included
        assert np.array_equal(one.final_output, one.output[:, -1])


def test_a_mask_of_ones_is_no_mask(draw, rng, kind):
    cell, x = draw.cell(kind, rng), rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    one, other = ur.unroll(cell, x), ur.unroll(cell, x, mask=np.ones((BATCH, TIMESTEPS)))
    assert one.mask is None and other.mask.all()
    for name in (*one.fields, "output"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize("form", [lambda m: m.astype(int), lambda m: m.astype("float32"), lambda m: m[..., None],
                                  lambda m: m.tolist()], ids=["int", "float", "(batch, timesteps, 1)", "list"])
def test_masks_come_in_many_forms(masked, form):
    cell, x, states = masked
    assert np.array_equal(ur.unroll(cell, x, states, form(MASK)).output, ur.unroll(cell, x, states, MASK).output)


def test_nothing_of_the_callers_is_changed_or_kept(draw, rng, kind):
    cell = draw.cell(kind, rng)
    states = draw.states(cell, rng, BATCH)
    given_states = list(states) if isinstance(states, tuple) else [states]
    x, mask = rng.normal(size=(BATCH, TIMESTEPS, FEATURES)), np.ones((BATCH, TIMESTEPS), bool)
    mask[:, -1] = False
    arrays = [x, mask, *given_states]
    before = [a.copy() for a in arrays]
    trace = ur.unroll(cell, x, states, mask)
    for array, copy in zip(arrays, before):
        assert np.array_equal(array, copy) and array.flags.writeable
    kept = [getattr(trace, field.name) for field in fields(trace)]
    for theirs in (a for a in kept if isinstance(a, np.ndarray)):
        assert not any(np.shares_memory(theirs, a) for a in arrays)


def test_unroll_is_the_same_every_time(draw, rng, kind):
    cell, x = draw.cell(kind, rng, dtype="float32"), rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    assert np.array_equal(ur.unroll(cell, x).hidden, ur.unroll(cell, x).hidden)


def test_memory_is_the_trace_and_at_most_two_projected_inputs(draw, rng, kind):
    batch, timesteps, features, units = 16, 100, 64, 128
    cell = draw.cell(kind, rng, features=features, units=units, dtype="float32")
    x = rng.normal(size=(batch, timesteps, features)).astype("float32")
    for mask in (None, rng.random((batch, timesteps)) < 0.8):
        ur.unroll(cell, x[:1, :2])  # whatever is imported or cached on the first call
        tracemalloc.start()
        trace = ur.unroll(cell, x, mask=mask)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        arrays = [getattr(trace, f.name) for f in fields(trace)]
        # Two fields may be two views of one array: count each address once.
        own = {a.__array_interface__["data"][0]: a.nbytes for a in arrays if isinstance(a, np.ndarray)}
        projected = trace.pre_activation.nbytes
        assert peak <= sum(own.values()) + 2 * projected + 100_000
        assert peak > sum(own.values()) / 2  # the measurement sees NumPy's arrays


def test_fields_are_the_tables(draw, rng, kind):
    trace = ur.unroll(draw.cell(kind, rng), rng.normal(size=(2, 3, FEATURES)))
    assert trace.fields == tuple(f.name for f in fields_of(trace.kind))
