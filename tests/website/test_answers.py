"""Each snippet of the answers page runs as pasted in an empty file: alone, with Keras and NumPy and nothing else.

One process imports Keras and runs no operation; every snippet runs in a child forked from it (TensorFlow does not
survive a fork after its first operation), in an empty namespace where only Keras and NumPy can be imported by name.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "answers.md"
ALLOWED = {"keras", "numpy"}
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: Reads {name: source}, and writes {name: error or ""}. The children report by a pipe each.
RUNNER = """
import json, os, sys, traceback
import keras, numpy

def run(name, source, pipe):
    try:
        exec(compile(source, name, "exec"), {"__name__": "__main__"})
        report = ""
    except BaseException:
        report = traceback.format_exc()
    os.write(pipe, report[-4000:].encode())
    os._exit(0)

reports = {}
for name, source in json.load(sys.stdin).items():
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(2, 1)  # what a snippet prints is no report
        run(name, source, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        reports[name] = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    reports[name] = reports[name] or ("" if status == 0 else f"ended with status {status}")
json.dump(reports, sys.stdout)
"""


def snippets_of(text: str) -> dict[str, str]:
    """What a reader can copy, by the question it answers: the code cells whose input is shown."""
    found, question = {}, ""
    for part in re.split(r"(?m)^(?=### )", text):
        if part.startswith("### "):
            question = part.partition("\n")[0].removeprefix("### ")
            cells = [cell for cell in CELL.findall(part) if "remove-input" not in cell]
            for number, cell in enumerate(cells, start=1):
                found[question if len(cells) == 1 else f"{question} ({number})"] = cell
    return found


def imported(source: str) -> set[str]:
    """The top-level names of all modules that some code imports."""
    nodes = list(ast.walk(ast.parse(source)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def run_alone(snippets: dict[str, str], folder: Path) -> dict[str, str]:
    """The error of each snippet, or "", each run in its own process, in an empty folder."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUNNER], input=json.dumps(snippets), cwd=folder, capture_output=True, text=True, timeout=600,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},  # as a reader has it
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


SNIPPETS = snippets_of(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, str]:
    """What became of each snippet; among them two that have to fail, so that a deaf runner is noticed."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    controls = {"control: false": "assert 1 == 2", "control: name of another": "np.zeros(3)"}
    return run_alone({**SNIPPETS, **controls}, tmp_path_factory.mktemp("empty"))


def test_there_are_twenty_odd_questions():
    assert len(SNIPPETS) >= 20


def test_every_question_has_a_snippet_and_a_link():
    parts = re.split(r"(?m)^(?=##+ )", PAGE.read_text(encoding="utf-8"))
    questions = [part for part in parts if part.startswith("### ")]
    assert [part.splitlines()[0] for part in questions if not CELL.search(part) or "{doc}`" not in part] == []


@pytest.mark.parametrize("question", SNIPPETS)
def test_snippet_needs_keras_and_numpy_only(question):
    assert imported(SNIPPETS[question]) <= ALLOWED


@pytest.mark.parametrize("question", SNIPPETS)
def test_snippet_proves_its_answer(question):
    assert "assert " in SNIPPETS[question]


@pytest.mark.parametrize("question", SNIPPETS)
def test_snippet_runs_alone(question, reports):
    assert reports[question] == ""


def test_a_snippet_that_is_wrong_is_reported(reports):
    assert "AssertionError" in reports["control: false"]


def test_a_snippet_that_leans_on_another_is_reported(reports):
    assert "NameError" in reports["control: name of another"]
