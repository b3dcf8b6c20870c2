"""``unroll`` beside Keras on the same weights: time against a compiled call, ``predict`` and the matrix products alone; memory.

The four are run in turn, round after round, each round in another order, so that a machine that is busy for
a moment is busy for all of them. The figures are medians over the rounds.
"""

from __future__ import annotations

import itertools
import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import fields
from statistics import median

import numpy as np

import unrolled as ur

#: Bytes of Python objects that a call allocates whatever the sizes are.
SLACK = 2**16
#: (batch, timesteps, features, units), and the most that unroll may take of tf.function's time.
SIZES = (((64, 200, 128, 256), 1.3), ((32, 100, 64, 128), 1.3), ((1, 20, 10, 15), 1.0))
KINDS = ("LSTM", "GRU", "SimpleRNN")


def report(threads: int, rounds: int) -> None:
    """Print both tables."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)  # before TensorFlow runs anything
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    print(environment())
    print(f"\nTime of one forward pass in float32, all gates kept; milliseconds, median of {rounds} rounds")
    print(table_of_times(rounds))
    print("\nMemory of unroll: the peak that was allocated during the call; MiB")
    print(table_of_memory())


def environment() -> str:
    """Versions and thread settings, as they hold in this process."""
    import keras
    import tensorflow as tf

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return "\n".join([
        f"Python {platform.python_version()}, NumPy {np.__version__} with {blas['name']} {blas['version']}, "
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}",
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start",
        f"threads: BLAS {os.environ.get('OPENBLAS_NUM_THREADS', 'as it comes')}, "
        f"TensorFlow {tf.config.threading.get_intra_op_parallelism_threads()} within an operation, "
        f"{tf.config.threading.get_inter_op_parallelism_threads()} between operations"])


def table_of_times(rounds: int) -> str:
    """A row for each kind of layer and size."""
    rows = [("layer", "batch, timesteps, features, units", "unroll", "tf.function", "predict", "products alone",
             "unroll / tf.function", "allowed")]
    for kind, (size, allowed) in itertools.product(KINDS, SIZES):
        times = interleaved(contenders(kind, size), rounds)
        ratio = times["unroll"] / times["tf.function"]
        verdict = "" if kind == "SimpleRNN" else f"{allowed:g} {'kept' if ratio <= allowed else 'MISSED'}"
        rows.append((kind, str(size), *(f"{1e3 * t:.2f}" for t in times.values()), f"{ratio:.2f}", verdict))
    return _aligned(rows)


def contenders(kind: str, size: tuple[int, int, int, int]) -> dict[str, Callable[[], object]]:
    """The four that are timed, on the same weights and the same input."""
    import keras
    import tensorflow as tf

    batch, timesteps, features, units = size
    x = np.random.default_rng(0).normal(size=(batch, timesteps, features)).astype("float32")
    layer = getattr(keras.layers, kind)(units, return_sequences=True)
    model = keras.Sequential([keras.Input((timesteps, features)), layer])
    cell = ur.from_keras(layer)
    compiled, tensor = tf.function(layer), tf.constant(x)
    return {"unroll": lambda: ur.unroll(cell, x),
            "tf.function": lambda: compiled(tensor).numpy(),
            "predict": lambda: model.predict(x, batch_size=batch, verbose=0),
            "products alone": lambda: products(cell, x)}


def products(cell, x: np.ndarray) -> None:
    """The matrix products of a forward pass and nothing else: what no implementation on this BLAS can go below."""
    batch, timesteps, _ = x.shape
    x.reshape(batch * timesteps, -1) @ cell.kernel
    h = np.zeros((batch, cell.units), cell.dtype)
    out = np.empty((batch, cell.recurrent_kernel.shape[1]), cell.dtype)
    for _ in range(timesteps):
        np.matmul(h, cell.recurrent_kernel, out=out)


def interleaved(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median time of each call in seconds, all called once a round, each round beginning with another."""
    for call in calls.values():  # trace, compile and allocate first
        call()
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for k in range(rounds):
        first = k % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            calls[name]()
            times[name].append(time.perf_counter() - start)
    return {name: median(measured) for name, measured in times.items()}


def table_of_memory() -> str:
    """A row for each kind of layer and size: the peak beyond the trace (and ``SLACK``), in projected inputs."""
    rows = [("layer", "batch, timesteps, features, units", "peak", "trace", "projected input",
             "beyond the trace / projected", "allowed")]
    for kind, (size, _) in itertools.product(KINDS, SIZES):
        peak, kept, projected = memory(kind, size)
        over = max(0, peak - kept - SLACK) / projected
        rows.append((kind, str(size), *(f"{n / 2**20:.2f}" for n in (peak, kept, projected)), f"{over:.2f}",
                     f"2 {'kept' if over <= 2 else 'MISSED'}"))
    return _aligned(rows)


def memory(kind: str, size: tuple[int, int, int, int]) -> tuple[int, int, int]:
    """Bytes: the peak during one call, what the trace keeps, one projected input."""
    batch, timesteps, features, units = size
    rng = np.random.default_rng(0)
    columns = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind] * units
    kernel, recurrent = (rng.normal(size=(n, columns)).astype("float32") / 20 for n in (features, units))
    cell = getattr(ur, f"{kind}Cell")(kernel, recurrent)
    x = rng.normal(size=(batch, timesteps, features)).astype("float32")
    ur.unroll(cell, x[:1, :1])  # what only a first call allocates
    tracemalloc.start()
    try:
        trace = ur.unroll(cell, x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return peak, trace_bytes(trace), trace.pre_activation.nbytes


def trace_bytes(trace: ur.Trace) -> int:
    """The bytes of a trace's arrays; two fields that are one array, like hidden and output, count once."""
    arrays = (getattr(trace, field.name) for field in fields(trace))
    return sum({a.__array_interface__["data"][0]: a.nbytes for a in arrays if isinstance(a, np.ndarray)}.values())


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ([cell.ljust(w) if k < 2 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths))] for row in rows)
    return "\n".join("  ".join(line).rstrip() for line in lines)
