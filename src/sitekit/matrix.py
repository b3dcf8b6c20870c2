"""``python -m sitekit matrix``: run the pages' claims on every backend and version of Keras; record what differs."""

from __future__ import annotations

import copy
import itertools
import platform
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import nbformat

from sitekit import matrix_record, read_configuration, settings_from
from sitekit.execution import Result, Settings, executed
from sitekit.matrix_record import DIFFERS, STOPPED
from sitekit.pages import CLAIM, Page
from sitekit.progress import count
from sitekit.records import PACKAGES, release
from sitekit.tolerant import STOPPED as STOP
from sitekit.tolerant import short

PLAN = "matrix.toml"
STACK = ("numpy", "tensorflow", "torch", "jax")
OWN = re.compile(r"\btf\.|\btensorflow\b")
TENSORFLOW_ONLY = "its cell uses TensorFlow itself"


@dataclass(frozen=True)
class Cell:
    """What one cell of code gave."""

    source: str
    claims: list[tuple[str, str]]  # for each its sentence, and how it differs, if it does
    stopped: str = ""  # the reason


def matrix(confdir: Path, source: str, paths: Sequence[Path] = (), changed: bool = False) -> int:
    """Run pages on all combinations, which takes an environment that has all backends; return the exit status.

    Parameters
    ----------
    confdir : Path
        The folder of ``conf.py`` and of the plan, ``matrix.toml``.
    source : str
        The folder of the pages, from there.
    paths : sequence of Path
        Only these pages; the record keeps what it has of the others.
    changed : bool
        Only pages whose code is not what the record was made of.
    """
    plan = tomllib.loads((confdir / PLAN).read_text("utf-8"))
    path = confdir / source / matrix_record.WHERE
    record = {"stack": stack(), **plan, "pages": {}}
    found = matrix_record.pages_of(confdir / source, plan["left_out"])
    if paths or changed:
        before = matrix_record.read(path)
        if any(before[key] != record[key] for key in ("stack", "keras", "backends")):
            print(f"{path.name} was made with other versions: make all of it anew ({matrix_record.COMMAND})")
            return 2
        names = {page.docname for page in found}
        record["pages"] = {name: page for name, page in before["pages"].items() if name in names}
        asked = {path.resolve(): path for path in paths}
        for path_ in set(asked) - {page.path.resolve() for page in found}:
            print(f"{asked[path_]} is no page with claims that {PLAN} has run")
            return 2
        found = [page for page in found
                 if page.path.resolve() in asked or changed and matrix_record.is_new(page, record)]
    settings = settings_from(read_configuration(confdir), confdir)
    gave = run(found, plan, settings, confdir / "_build") if found else {}
    for page in found:
        record["pages"][page.docname] = summed(page, {name: results[page.docname] for name, results in gave.items()})
    matrix_record.write(path, record)
    for combination, counter in matrix_record.counts(record).items():
        print(f"{combination}: {counter['hold']} hold, {counter[DIFFERS]} differ, {counter[STOPPED]} not reached")
    return int(_told(next(iter(gave.values()), {})))


def stack() -> dict[str, str]:
    """Name -> version of what all combinations have in common."""
    found = {"Python": platform.python_version()}
    for module in STACK:
        if (number := release(module)) is None:
            raise SystemExit(f"{module} is not installed: the matrix takes an environment with all backends ({matrix_record.COMMAND})")
        found[PACKAGES[module]] = number
    return found


def run(found: Sequence[Page], plan: Mapping, settings: Settings, build: Path) -> dict[str, dict[str, list[Cell]]]:
    """Run pages on all combinations, the reference first: combination -> page name -> what its cells gave."""
    gave = {}
    for number, backend in itertools.product(plan["keras"], plan["backends"]):
        began = time.perf_counter()
        gave[f"{number} {backend}"] = run_on(number, backend, found, settings, build)
        seconds = time.perf_counter() - began
        print(f"  Keras {number} {backend}: {count(len(found), 'page')}, {seconds:.0f} s", flush=True)
    return gave


def run_on(number: str, backend: str, found: Sequence[Page], settings: Settings, build: Path) -> dict[str, list[Cell]]:
    """Run pages with one version of Keras on one backend: page name -> what its cells gave."""
    env = {**settings.env, **compiled_once(build), "KERAS_BACKEND": backend, "PYTHONPATH": overlay(number, build)}
    preload = [*settings.preload, "tensorflow"]  # which Keras's way to seed imports, whatever the backend
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        settings = replace(settings, env=env, preload=preload, cache_dir=Path(folder))
        return {name: cells(result) for name, result in executed([tolerant(page) for page in found], settings).items()}


def summed(page: Page, gave: Mapping[str, Sequence[Cell]]) -> dict:
    """What the record keeps of a page, from what its cells gave on each combination, the reference first."""
    reference = next(iter(gave.values()))
    findings: dict[tuple, list[str]] = {}  # (claim, outcome, message) -> combinations
    for combination, found in gave.items():
        for index, (outcome, message) in enumerate(compared(reference, found, combination.split()[1])):
            if outcome:
                findings.setdefault((index, outcome, message), []).append(combination)
    keys = "claim", "outcome", "message", "on"
    return {
        "date": date.today().isoformat(), "code": matrix_record.code_of(page),
        "claims": [sentence for cell in reference for sentence, _ in cell.claims],
        "findings": [dict(zip(keys, (*key, on))) for key, on in sorted(findings.items())],
    }


def _told(reference: Mapping[str, Sequence[Cell]]) -> bool:
    """Say what does not hold where the site is built, which is an error of a page; whether there is any."""
    wrong = []
    for name, found in reference.items():
        for cell in found:
            wrong += [f"{name}: {sentence}: {differs}" for sentence, differs in cell.claims if differs]
            wrong += [f"{name}: a cell stopped: {cell.stopped}"] * bool(cell.stopped)
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    return bool(wrong)


def overlay(number: str, build: Path) -> str:
    """The folder with a version of Keras, installed there once; "" for the one that the environment has."""
    if version("keras") == number:
        return ""
    folder = build / f"keras-{number}"
    if not folder.exists():
        aside = build / f"{folder.name}.new"
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--upgrade", "--target", str(aside)]
        subprocess.run([*pip, "install", *options, f"keras=={number}"], check=True)
        aside.rename(folder)
    return str(folder)


def compiled_once(build: Path) -> dict[str, str]:
    """What has JAX keep what it compiled, which is most of its time, for other pages and versions of Keras."""
    return {"JAX_COMPILATION_CACHE_DIR": str(build / "jax"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}


def tolerant(page: Page) -> Page:
    """A page that goes on after a failure: its cells may raise, and a first one has its claims note what they find."""
    notebook = copy.deepcopy(page.notebook)
    notebook.metadata.pop("source_map", None)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    raising = [index for index, cell in enumerate(code) if "raises-exception" in cell.metadata.get("tags", ())]
    for cell in code:
        cell.metadata["tags"] = [*cell.metadata.get("tags", ()), "raises-exception", "allow-stderr"]
    first = f"from sitekit.tolerant import install\ninstall(get_ipython(), {raising})\ndel install"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(first, metadata={"tags": ["allow-stderr"]}))
    return replace(page, notebook=notebook)


def cells(result: Result) -> list[Cell]:
    """What each cell of a :func:`tolerant` page gave."""
    code = [cell for cell in result.notebook.cells if cell.cell_type == "code"]
    found = []
    for cell in code[1:]:
        data = [output.get("data", {}) for output in cell.outputs]
        claims = [(entry[CLAIM]["sentence"], entry[CLAIM].get("differs", "")) for entry in data if CLAIM in entry]
        stopped = next((entry[STOP] for entry in data if STOP in entry), "")
        if cell.execution_count is None:  # the page's process is gone
            stopped = short(result.failures[-1].reason)
        found.append(Cell(cell.source, claims, stopped))
    return found


def compared(reference: Sequence[Cell], gave: Sequence[Cell], backend: str) -> Iterator[tuple[str, str]]:
    """For each claim of the reference, what became of it elsewhere: the outcome, "" where it holds, and the message.

    A claim is found by its sentence, or, where that is computed and so not the same, by its place in the cell.
    """
    for before, now in zip(reference, gave):
        left = list(now.claims)
        same = {}
        for index, (sentence, _) in enumerate(before.claims):
            if found := next((claim for claim in left if claim[0] == sentence), None):
                left.remove(found)
                same[index] = found
        for index, _ in enumerate(before.claims):
            found = same.get(index) or (left.pop(0) if left else None)
            if found:
                yield (DIFFERS, found[1]) if found[1] else ("", "")
            elif backend != "tensorflow" and OWN.search(now.source):
                yield STOPPED, TENSORFLOW_ONLY
            else:
                yield STOPPED, now.stopped or "its cell did not come to it"
