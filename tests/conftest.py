"""What every test needs set before NumPy or TensorFlow is imported: a quiet log, one thread each."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # two BLAS threads beside another busy process are many times slower


def pytest_collection_modifyitems(items) -> None:
    """With several processes: the site's tests share one build and one browser, and those of a file their fixtures."""
    for item in items:
        group = "website" if "website" in item.path.parts else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))
