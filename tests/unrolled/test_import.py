"""``import unrolled`` needs NumPy and brings nothing else that is large."""

import subprocess
import sys
from pathlib import Path

import pytest

import unrolled as ur

SOURCE = Path(ur.__file__).parents[1]


def _fresh(code):
    """What a fresh Python prints, with the package on its path."""
    run = subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {code}"],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_import_brings_numpy_alone():
    heavy = ("keras", "tensorflow", "jax", "torch", "matplotlib", "IPython", "onnx", "sitekit")
    assert _fresh(f"import unrolled; print([m for m in {heavy} if m in sys.modules], 'numpy' in sys.modules)") == "[] True"


def test_a_cell_runs_where_nothing_but_numpy_can_be_imported():
    blocked = "sys.modules.update(dict.fromkeys(['keras', 'tensorflow', 'matplotlib', 'IPython']))"
    code = (f"{blocked}; import numpy as np, unrolled as ur; "
            "cell = ur.LSTMCell(np.ones((2, 4)), np.ones((1, 4)), np.zeros(4)); "
            "print(ur.unroll(cell, np.ones((1, 3, 2))).forget_gate.shape); "
            "ur.claim('It runs').holds(True)")
    assert _fresh(code) == "(1, 3, 1)\n✓ It runs [true]"


def test_every_public_name_is_there():
    for name in ur.__all__:
        assert callable(getattr(ur, name)), name


def test_trace_is_the_function_though_a_module_has_its_name():
    assert ur.trace.__module__ == "unrolled.bridge"


def test_submodules_come_when_asked_for():
    assert _fresh("import unrolled; print(unrolled.fields.FIELDS[0].name)") == "hidden"


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(AttributeError, match=r"unrolled has no 'LSTM'; it has .*LSTMCell.*unroll"):
        ur.LSTM
