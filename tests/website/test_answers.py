"""Each snippet of the answers page runs as pasted in an empty file: alone, in a fresh process, with Keras and NumPy only."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "answers.md"
ALLOWED = {"keras", "numpy"}
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)

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


def run_alone(source: str, folder: Path) -> str:
    """What a Python that has imported nothing says of a file with this source, alone in its folder; "" if it ran."""
    folder.mkdir()
    Path(folder, "snippet.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "snippet.py"], cwd=folder, capture_output=True, text=True, timeout=600,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},  # as a reader has it
    )
    return done.stderr[-4000:] or f"ended with status {done.returncode}" if done.returncode else ""


SNIPPETS = snippets_of(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, str]:
    """What became of each snippet, two at a time; among them two that have to fail, so that a deaf runner is noticed."""
    snippets = {**SNIPPETS, "control: false": "assert 1 == 2", "control: name of another": "np.zeros(3)"}
    folder = tmp_path_factory.mktemp("alone")
    with ThreadPoolExecutor(2) as pool:
        said = pool.map(run_alone, snippets.values(), (folder / str(number) for number in range(len(snippets))))
        return dict(zip(snippets, said))


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
