"""Recipes as a reader uses them: one file, copied alone into an empty folder, run by a Python of its own.

Importing Keras takes a process some five seconds. So each recipe is started once or twice as a reader starts it, by
``Alone.python``; its other calls, by ``Alone.forked``, are copies of one process that has imported Keras and no more.
"""

import importlib.util
import json
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


def _environment() -> dict[str, str]:
    """That of this process; but this project is not on the path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return environment | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}


class Alone:
    """An empty folder with nothing in it but the recipe."""

    def __init__(self, folder: Path, recipe: str, fork):
        self.folder, self.recipe, self._fork = folder, recipe, fork
        shutil.copy(RECIPES / recipe, folder)

    def python(self, *arguments, **options) -> subprocess.CompletedProcess:
        """Run a new Python in the folder."""
        return subprocess.run([sys.executable, *map(str, arguments)], cwd=self.folder, env=_environment(), text=True,
                              capture_output=True, timeout=300, **options)

    def forked(self, *arguments) -> subprocess.CompletedProcess:
        """Run the recipe in the folder with these arguments, in a copy of the process that has imported Keras."""
        return self._fork(self.folder, self.recipe, *map(str, arguments))


#: Reads calls, one a line; runs each in a copy of itself, and says how it ended.
FORKING = """
import json, os, runpy, sys, traceback
import keras
print("ready", flush=True)
for line in sys.stdin:
    call = json.loads(line)
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    status = 1
    try:
        os.chdir(call["folder"])
        for number, name in enumerate((os.devnull, call["stdout"], call["stderr"])):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
        sys.argv = call["arguments"]
        sys.path[0] = call["folder"]
        runpy.run_path(sys.argv[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
"""


@pytest.fixture(scope="session")
def fork(tmp_path_factory):
    """``fork(folder, recipe, *arguments)``: run it as ``python recipe.py …`` does, without the import of Keras."""
    outside = tmp_path_factory.mktemp("outputs")
    with subprocess.Popen([sys.executable, "-X", "utf8", "-c", FORKING], cwd=outside, env=_environment(), text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "ready\n"
        count = 0

        def run(folder, *arguments):
            nonlocal count
            count += 1
            files = [outside / f"{count}.{name}" for name in ("stdout", "stderr")]
            call = {"folder": str(folder), "arguments": arguments, "stdout": str(files[0]), "stderr": str(files[1])}
            print(json.dumps(call), file=process.stdin, flush=True)
            status = int(process.stdout.readline())
            return subprocess.CompletedProcess(arguments, status, *(file.read_text("utf-8") for file in files))

        yield run
        process.stdin.close()


@pytest.fixture(scope="session")
def alone(tmp_path_factory, fork):
    """``alone("keras_to_c.py")``: that recipe in an empty folder."""
    return lambda recipe: Alone(tmp_path_factory.mktemp(Path(recipe).stem), recipe, fork)


@pytest.fixture(scope="module")
def recipe(alone, request):
    """The recipe that the test module names in ``RECIPE``, in an empty folder."""
    return alone(request.module.RECIPE)


@pytest.fixture(scope="module")
def module(request):
    """The same recipe, imported where it is."""
    return seeds.load(RECIPES / request.module.RECIPE)
