"""The benchmark measures what it says: the same computation four times, medians, a trace's bytes. No times are tested."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import unroll as bench  # noqa: E402

import unrolled as ur  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # TensorFlow's tensors under NumPy 2

SIZE = (3, 4, 2, 5)


@pytest.mark.parametrize("kind", bench.KINDS)
def test_the_contenders_compute_the_same(kind):
    pytest.importorskip("keras")
    calls = bench.contenders(kind, SIZE)
    assert list(calls) == ["unroll", "tf.function", "predict", "products alone"]
    ours = calls["unroll"]().output
    assert ours.dtype == np.float32 and ours.shape == (3, 4, 5)
    np.testing.assert_allclose(calls["tf.function"](), ours, rtol=0, atol=1e-6)
    np.testing.assert_allclose(calls["predict"](), ours, rtol=0, atol=1e-6)
    calls["products alone"]()


def test_calls_are_interleaved_and_each_round_begins_with_another():
    order = []
    times = bench.interleaved({name: lambda name=name: order.append(name) for name in "abc"}, rounds=4)
    assert "".join(order) == "aabbcc" + "abc" + "bca" + "cab" + "abc"
    assert list(times) == ["a", "b", "c"]


def test_the_median_counts(monkeypatch):
    clock = iter([0, 1, 10, 15, 20, 20.5])  # three rounds: 1, 5 and 0.5
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    assert bench.interleaved({"a": lambda: None}, rounds=3) == {"a": 1}


def test_a_trace_counts_each_array_once():
    rng = np.random.default_rng(0)
    cell = ur.LSTMCell(rng.normal(size=(2, 20)), rng.normal(size=(5, 20)))
    trace = ur.unroll(cell, rng.normal(size=(3, 4, 2)))
    block = 3 * 4 * 5 * 8
    # pre-activations and gates: 4 blocks each; cell, its tanh, hidden (which is output): 1 each; x, two initial states, time.
    assert bench.trace_bytes(trace) == 11 * block + 3 * 4 * 2 * 8 + 2 * 3 * 5 * 8 + trace.time.nbytes


@pytest.mark.parametrize("kind", bench.KINDS)
def test_memory_is_kept(kind):
    peak, kept, projected = bench.memory(kind, (16, 50, 32, 64))
    assert kept < peak <= kept + 2 * projected + bench.SLACK
    assert projected == 16 * 50 * 64 * 4 * {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind]


def test_tables_are_aligned():
    assert bench._aligned([("a", "b", "cc"), ("long", "x", "1")]) == "a     b  cc\nlong  x   1"
