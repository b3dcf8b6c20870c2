"""``python -m sitekit matrix``: run the pages' claims on every backend and version of Keras, and record what differs."""

from __future__ import annotations

import copy
import fnmatch
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

from sitekit import matrix_record, pages, read_configuration, settings_from
from sitekit.execution import Result, Settings, executed
from sitekit.matrix_record import DIFFERS, STOPPED
from sitekit.pages import CLAIM, Page
from sitekit.progress import count
from sitekit.records import PACKAGES
from sitekit.tolerant import STOPPED as STOP
from sitekit.tolerant import short

PLAN, RECORD = "matrix.toml", "reference/backends.record.json"
STACK = ("numpy", "tensorflow", "torch", "jax")
OWN = re.compile(r"\btf\.|\btensorflow\b")
TENSORFLOW_ONLY = "its cell uses TensorFlow itself"


@dataclass(frozen=True)
class Cell:
    """What one cell of code gave: a pair for each claim, its sentence and how it differs, if it does; why the cell stopped, if it did."""

    source: str
    claims: list[tuple[str, str]]
    stopped: str = ""


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
    path = confdir / source / RECORD
    record = {"stack": stack(), "keras": plan["keras"], "backends": plan["backends"], "left_out": plan["left_out"], "pages": {}}
    found = pages_of(confdir / source, plan["left_out"])
    if paths or changed:
        before = matrix_record.read(path)
        if any(before[key] != record[key] for key in ("stack", "keras", "backends")):
            print(f"{path.name} was made with other versions: make all of it anew ({matrix_record.COMMAND})")
            return 2
        record["pages"] = {page.docname: before["pages"][page.docname] for page in found if page.docname in before["pages"]}
        found = [page for page in found if page.path in {path.resolve() for path in paths} or changed and _is_new(page, record)]
    settings = settings_from(read_configuration(confdir), confdir)
    results, failed = run(found, plan, settings, confdir / "_build")
    record["pages"].update(results)
    matrix_record.write(path, record)
    for combination, counter in matrix_record.counts(record).items():
        print(f"{combination}: {counter['hold']} hold, {counter[DIFFERS]} differ, {counter[STOPPED]} not reached")
    return int(failed)


def _is_new(page: Page, record: Mapping) -> bool:
    return record["pages"].get(page.docname, {}).get("code") != matrix_record.code_of(page)


def pages_of(folder: Path, left_out: Mapping[str, str]) -> list[Page]:
    """The pages below a folder that have claims, run in the site's own environment, and are not left out."""
    found = []
    for path in sorted(folder.rglob("*.md")):
        page = pages.read(path, path.relative_to(folder).with_suffix("").as_posix())
        if page and not page.environment and page.docname != RECORD.partition(".")[0] \
                and any(matrix_record.sentences(page)) and not any(fnmatch.fnmatch(page.docname, pattern) for pattern in left_out):
            found.append(page)
    return found


def stack() -> dict[str, str]:
    """Name -> version of what all combinations have in common."""
    names = {name: "tensorflow-cpu" if name == "tensorflow" and sys.platform == "linux" else name for name in STACK}
    return {"Python": platform.python_version(), **{PACKAGES[name]: version(names[name]).partition("+")[0] for name in STACK}}


def run(found: Sequence[Page], plan: Mapping, settings: Settings, build: Path) -> tuple[dict[str, dict], bool]:
    """Run pages on all combinations.

    Returns
    -------
    dict
        Page name -> what the record keeps of it.
    bool
        Whether a claim fails on the reference, where all should hold.
    """
    reference: dict[str, list[Cell]] = {}
    findings: dict[str, dict[tuple, list[str]]] = {page.docname: {} for page in found}  # (claim, outcome, message) -> combinations
    for number, backend in itertools.product(plan["keras"], plan["backends"]):
        began, combination = time.perf_counter(), f"{number} {backend}"
        with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
            env = {**settings.env, **compiled_once(build), "KERAS_BACKEND": backend, "PYTHONPATH": overlay(number, build)}
            results = executed([tolerant(page) for page in found], replace(settings, env=env, cache_dir=Path(folder)))
        for name, result in results.items():
            gave = cells(result)
            for index, (outcome, message) in enumerate(compared(reference.setdefault(name, gave), gave, backend)):
                if outcome:
                    findings[name].setdefault((index, outcome, message), []).append(combination)
        print(f"  Keras {combination}: {count(len(found), 'page')}, {time.perf_counter() - began:.0f} s", flush=True)
    return {page.docname: _kept(page, reference[page.docname], findings[page.docname]) for page in found}, _told(reference)


def _kept(page: Page, reference: Sequence[Cell], findings: Mapping[tuple, Sequence[str]]) -> dict:
    claims = [sentence for cell in reference for sentence, _ in cell.claims]
    listed = [dict(zip(("claim", "outcome", "message"), key)) | {"on": on} for key, on in sorted(findings.items())]
    return {"date": date.today().isoformat(), "code": matrix_record.code_of(page), "claims": claims, "findings": listed}


def _told(reference: Mapping[str, Sequence[Cell]]) -> bool:
    """Say what does not hold where the site is built; whether there is any."""
    wrong = [f"{name}, on the reference: {text}" for name, gave in reference.items() for cell in gave
             for text in [*(f"{sentence}: {differs}" for sentence, differs in cell.claims if differs), cell.stopped] if text]
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    return bool(wrong)


def overlay(number: str, build: Path) -> str:
    """The folder with a version of Keras, installed there once; "" for the one that the environment has."""
    if version("keras") == number:
        return ""
    folder = build / f"keras-{number}"
    if not folder.exists():
        aside = folder.with_suffix(".new")
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade",
                        "--target", str(aside), f"keras=={number}"], check=True)
        aside.rename(folder)
    return str(folder)


def compiled_once(build: Path) -> dict[str, str]:
    """What has JAX keep what it compiled, which is most of its time, for other pages and versions of Keras."""
    return {"JAX_COMPILATION_CACHE_DIR": str(build / "jax"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}


def tolerant(page: Page) -> Page:
    """A page that goes on after a failure: its cells may raise, and a cell before them has its claims note what they find."""
    notebook = copy.deepcopy(page.notebook)
    notebook.metadata.pop("source_map", None)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    raising = [index for index, cell in enumerate(code) if "raises-exception" in cell.metadata.get("tags", ())]
    for cell in code:
        cell.metadata["tags"] = ["raises-exception", "allow-stderr"]
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
