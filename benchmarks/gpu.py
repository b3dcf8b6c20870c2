"""What only a GPU can tell: ``python -m benchmarks.gpu`` writes ``benchmarks/gpu.json``.

It times an LSTM and a GRU on cuDNN against the same weights in Keras's loop, as ratios, and checks what the book says
of cuDNN: equal to the CPU within rounding, zeros at masked steps, states as with the padding cut off. The record names
device, driver, versions and date. Without a GPU it stops; ``--cpu`` runs it all the same, to try it, and writes nothing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

RECORD = Path(__file__).with_name("gpu.json")
SIZES = ((32, 50, 64, 64), (32, 200, 64, 256), (128, 200, 128, 512))  # batch, timesteps, features, units
WAYS = {
    "cuDNN": {},
    "loop": {"use_cudnn": False},
    "unroll=True": {"unroll": True},
    "recurrent_dropout=0.2": {"recurrent_dropout": 0.2},
}


def main(arguments: list[str] | None = None) -> int:
    """Measure and write; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--cpu", action="store_true", help="try it without a GPU, on the smallest size; nothing is written")
    options = parser.parse_args(arguments)
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus and not options.cpu:
        print("no GPU that TensorFlow can see; install tensorflow[and-cuda] on a machine that has one", file=sys.stderr)
        return 1
    sizes = SIZES if gpus else SIZES[:1]
    record = {
        "date": datetime.date.today().isoformat(),
        "device": tf.config.experimental.get_device_details(gpus[0]).get("device_name") if gpus else platform.processor(),
        "driver": _driver() if gpus else None,
        "versions": {"Python": platform.python_version(), "TensorFlow": tf.__version__, "Keras": version("keras")},
        "seconds": [_timed(kind, size) for kind in ("LSTM", "GRU") for size in sizes],
        "checks": {kind: _checked(kind) for kind in ("LSTM", "GRU")},
    }
    text = json.dumps(record, indent=1)
    print(text)
    if gpus:
        RECORD.write_text(text + "\n")
    return 0


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[0]


def _layer(kind: str, features: int, units: int, **options):
    """A layer whose weights are all random, and the same for the same sizes."""
    import keras

    rng = np.random.default_rng(0)
    layer = getattr(keras.layers, kind)(units, return_sequences=True, return_state=True, **options)
    layer.build((None, None, features))
    layer.set_weights([rng.normal(scale=units ** -0.5, size=w.shape) for w in layer.get_weights()[:3]] + layer.get_weights()[3:])
    return layer


def _timed(kind: str, size: tuple[int, ...], calls: int = 10) -> dict:
    """Seconds of the fastest of some forward calls and training steps, each way."""
    import tensorflow as tf

    batch, timesteps, features, units = size
    x = tf.random.stateless_normal((batch, timesteps, features), seed=(0, 0))
    seconds: dict[str, dict[str, float]] = {}
    for way, options in WAYS.items():
        layer = _layer(kind, features, units, **options)

        @tf.function
        def forward(x, layer=layer):
            return layer(x)[0]

        @tf.function
        def training(x, layer=layer):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(x, training=True)[0] ** 2)
            return tape.gradient(loss, layer.trainable_variables)[0]

        seconds[way] = {"forward": _fastest(forward, x, calls), "training": _fastest(training, x, calls)}
    names = ("batch", "timesteps", "features", "units")
    return {"kind": kind, **dict(zip(names, size)), "seconds": seconds}


def _fastest(function, x, calls: int) -> float:
    function(x).numpy()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        function(x).numpy()  # waits for the device
        times.append(time.perf_counter() - start)
    return min(times)


def _checked(kind: str) -> dict[str, float]:
    """Largest differences between the layer as Keras runs it here, and its loop on the CPU, with a mask and without."""
    import tensorflow as tf

    x = np.random.default_rng(1).normal(size=(4, 30, 8)).astype("float32")
    lengths = np.array([30, 20, 7, 1])
    mask = np.arange(30) < lengths[:, None]
    layer, loop = _layer(kind, 8, 16), _layer(kind, 8, 16, use_cudnn=False)
    with tf.device("CPU:0"):
        expected, masked_expected = loop(x), loop(x, mask=tf.constant(mask))
    given, masked = layer(x), layer(x, mask=tf.constant(mask))
    valid = mask[..., None]
    return {
        "outputs": _largest(given[0] - expected[0]),
        "states": max(_largest(a - b) for a, b in zip(given[1:], expected[1:])),
        "outputs at valid steps": _largest(tf.where(valid, masked[0] - masked_expected[0], 0.0)),
        "states with a mask": max(_largest(a - b) for a, b in zip(masked[1:], masked_expected[1:])),
        "largest output at masked steps": _largest(tf.where(valid, 0.0, masked[0])),
        "the same in the loop": _largest(tf.where(valid, 0.0, masked_expected[0])),
    }


def _largest(tensor) -> float:
    return float(np.abs(tensor.numpy()).max())


if __name__ == "__main__":
    sys.exit(main())
