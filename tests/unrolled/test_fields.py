"""The table of names is true: the fields are there, and each slice selects the gate it names."""

import dataclasses
import re

import numpy as np
import pytest

import unrolled as ur
from unrolled.fields import FIELDS, fields_of

SLICED = [f for f in FIELDS if f.keras_slice]


def _columns(field, units):
    """The columns that ``keras_slice`` names, evaluated as a reader would type it."""
    return eval(f"np.s_[..., {field.keras_slice}]", {"np": np, "u": units})


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f"{f.kind}.{f.name}")
def test_each_field_is_on_its_trace(field, draw, rng):
    trace = ur.unroll(draw.cell(field.kind, rng), rng.normal(size=(2, 5, 3)))
    assert field.name in trace.fields
    assert getattr(trace, field.name).shape == (2, 5, 4)
    assert field.shape == "(batch, timesteps, units)"


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f"{f.kind}.{f.name}")
def test_each_field_is_explained(field):
    assert re.search(re.escape(field.symbol) + r"_t = ", field.equation)
    assert field.meaning.endswith(".") and field.plain and "\\" not in field.plain


def test_names_are_in_the_palette():
    from unrolled import palette

    assert {f.colour for f in FIELDS} <= set(palette.LIGHT)
    assert {f.colour for f in FIELDS} <= set(palette.DARK)


@pytest.mark.parametrize("kind, blocks", [("SimpleRNN", 1), ("LSTM", 4), ("GRU", 3)])
def test_the_slices_are_every_column_once(kind, blocks):
    columns = [np.arange(blocks * 4)[_columns(f, 4)[-1]] for f in fields_of(kind) if f.keras_slice]
    assert sorted(np.concatenate(columns)) == list(range(blocks * 4))
    assert all(len(c) == 4 for c in columns)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "GRU reset before"])
def test_a_slice_selects_that_gate_alone(kind, draw, rng):
    cell = draw.cell(kind, rng)
    x, states = rng.normal(size=(5, 1, 3)), draw.states(cell, rng, 5)
    gates = [f for f in fields_of(cell.kind) if f.keras_slice]
    whole = ur.unroll(cell, x, states)
    for gate in gates:
        weights = {name: np.array(getattr(cell, name)) for name in ("kernel", "recurrent_kernel", "bias")}
        for weight in weights.values():
            weight[_columns(gate, cell.units)] = 0
        without = ur.unroll(dataclasses.replace(cell, **weights), x, states)
        constant = 0.0 if gate.name == "candidate" else 0.5
        assert (getattr(without, gate.name) == constant).all(), gate.name
        for other in gates:
            same = np.array_equal(getattr(without, other.name), getattr(whole, other.name))
            # In one step no gate depends on another, but a GRU's candidate sees the reset gate.
            sees = other is gate or (other.name == "candidate" and gate.name == "reset_gate")
            assert same != sees, (gate.name, other.name)


def test_an_unknown_kind_says_which_there_are():
    with pytest.raises(ValueError, match=r"kind is 'Transformer', but there are only GRU, LSTM, SimpleRNN"):
        fields_of("Transformer")
