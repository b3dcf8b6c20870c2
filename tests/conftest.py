"""What every test needs set before NumPy or TensorFlow is imported: a quiet log, one thread each."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # two BLAS threads beside another busy process are many times slower


def pytest_itemcollected(item) -> None:
    """With several processes: the site's tests share one build and one browser, and those of a file their fixtures."""
    shares_the_site = "website" in item.path.parts and item.path.stem != "test_answers"
    item.add_marker(pytest.mark.xdist_group("website" if shares_the_site else item.path.stem))


def pytest_collection_finish(session) -> None:
    """Without its groups, each process would build the site."""
    if "PYTEST_XDIST_WORKER" in os.environ and not all("@" in item.nodeid for item in session.items):
        pytest.exit("pytest-xdist has not read the groups of the tests: do its version and pytest's go together?", returncode=3)
