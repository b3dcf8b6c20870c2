"""Random cells and inputs for the package's tests, and the report of what parity measured."""

from types import SimpleNamespace

import numpy as np
import pytest

import unrolled as ur

#: Every cell there is: GRU comes in two dialects.
KINDS = ("SimpleRNN", "LSTM", "GRU", "GRU reset before")
WORST = pytest.StashKey[dict]()


def _weight(rng, *shape):
    """No entry near zero: a weight that is left out, or taken for another, must show."""
    return rng.uniform(0.1, 0.6, shape) * rng.choice([-1, 1], shape)


def _cell(kind, rng, features=3, units=4, dtype="float64", use_bias=True, **activations):
    kind, _, before = kind.partition(" ")
    blocks = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[kind]
    columns = blocks * units
    weights = [_weight(rng, features, columns), _weight(rng, units, columns)]
    if use_bias:
        weights.append(_weight(rng, 2, columns) if kind == "GRU" and not before else _weight(rng, columns))
    options = dict(activations)
    if kind == "SimpleRNN":
        options.pop("recurrent_activation", None)
    if kind == "GRU":
        options["reset_after"] = not before
    return getattr(ur, f"{kind}Cell")(*(w.astype(dtype) for w in weights), **options)


def _states(cell, rng, batch):
    """Random initial states, as ``unroll`` takes them."""
    states = [_weight(rng, batch, cell.units).astype(cell.dtype) for _ in range(2 if cell.kind == "LSTM" else 1)]
    return tuple(states) if len(states) == 2 else states[0]


def _final(trace):
    """The final states of a trace, as ``unroll`` takes them."""
    return (trace.final_hidden, trace.final_cell) if trace.kind == "LSTM" else trace.final_hidden


@pytest.fixture(scope="session")
def draw():
    """``draw.cell(kind, rng, ...)``, ``draw.states(cell, rng, batch)``, ``draw.final(trace)``."""
    return SimpleNamespace(cell=_cell, states=_states, final=_final)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def pytest_configure(config):
    config.stash[WORST] = {}


@pytest.fixture
def report_difference(request):
    """Keeps the largest difference of each kind and dtype, for the summary."""
    worst = request.config.stash[WORST]

    def keep(kind, dtype, difference, where):
        if difference >= worst.get((kind, dtype), (0.0,))[0]:
            worst[kind, dtype] = (difference, where)

    return keep


def pytest_terminal_summary(terminalreporter, config):
    worst = config.stash.get(WORST, {})
    if worst:
        terminalreporter.section("largest difference from live Keras")
        for (kind, dtype), (difference, where) in sorted(worst.items()):
            terminalreporter.write_line(f"{kind:9} {dtype}  {difference:.2e}  {where}")
