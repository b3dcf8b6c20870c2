"""Recipes as a reader uses them: one file, copied alone into an empty folder, run by a Python of its own."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"

# tests/seeds.py is a script, on no path
_specification = importlib.util.spec_from_file_location("seeds", Path(__file__).parents[1] / "seeds.py")
seeds = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(seeds)


def pytest_terminal_summary(terminalreporter):
    """Show how the task recipes did with the recorded seeds."""
    if records := seeds.read():
        terminalreporter.section("ten seeds that no page uses")
        terminalreporter.write_line("\n".join(seeds.table(records)))


class Alone:
    """An empty folder with nothing in it but the recipe."""

    def __init__(self, folder: Path, recipe: str):
        self.folder, self.recipe = folder, recipe
        shutil.copy(RECIPES / recipe, folder)

    def python(self, *arguments, **options) -> subprocess.CompletedProcess:
        """Run Python in the folder; this project is not on its path."""
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
        return subprocess.run([sys.executable, *map(str, arguments)], cwd=self.folder, env=environment, text=True,
                              capture_output=True, timeout=300, **options)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """``alone("keras_to_c.py")``: that recipe in an empty folder."""
    return lambda recipe: Alone(tmp_path_factory.mktemp(Path(recipe).stem), recipe)


@pytest.fixture(scope="module")
def recipe(alone, request):
    """The recipe that the test module names in ``RECIPE``, in an empty folder."""
    return alone(request.module.RECIPE)


@pytest.fixture(scope="module")
def module(request):
    """The same recipe, imported where it is."""
    return seeds.load(RECIPES / request.module.RECIPE)
