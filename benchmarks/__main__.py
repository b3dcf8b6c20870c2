"""Print the tables: ``python -m benchmarks [--quick] [--build] [--threads N]``."""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))


def main() -> None:
    """Set the threads before NumPy is imported, then run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks",
                                     description="The time and memory of unroll, and the time of the build.")
    parser.add_argument("--quick", action="store_true", help="few runs: to see that it works, not to measure")
    parser.add_argument("--build", action="store_true", help="the time of the site's build, too: this takes minutes")
    parser.add_argument("--threads", type=int, default=2, help="for NumPy's BLAS and for TensorFlow, both (default: 2)")
    options = parser.parse_args()

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ[name] = str(options.threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")

    from . import unroll

    unroll.report(threads=options.threads, rounds=3 if options.quick else 25)
    if options.build:
        from . import build

        build.report()


if __name__ == "__main__":
    main()
