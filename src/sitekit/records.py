"""Pages that run in an environment of their own: what they gave there is in the repository, and is shown from there.

A page whose front matter says ``sitekit: {environment: parity}`` needs packages that the site's own environment has
not got. Its results are kept beside it, as ``<page>.recorded.json``: its code, its outputs, the versions and the date.
A build shows a record only for the very code that it was made of. ``python -m sitekit rerun parity`` runs the
pages again, and compares; with ``--record`` it writes new records.
"""

from __future__ import annotations

import contextlib
import json
import platform
import re
from collections.abc import Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nbformat import NotebookNode

from sitekit.cache import write_whole
from sitekit.pages import CLAIM, Page

COMMAND = "(to record: make records)"
PACKAGES = {"keras": "Keras", "numpy": "NumPy", "tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX", "flax": "Flax"}
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
NOISE = 1e-5  # rounding differs from machine to machine; what the claims measure has tolerances of its own
RELATIVE = 1e-2


def path_of(page: Page) -> Path:
    """Where a page's record is."""
    return page.path.with_suffix(".recorded.json")


def read(page: Page) -> dict:
    """The record of a page.

    Raises
    ------
    ValueError
        If there is none, it cannot be read, or it was made of other code.
    """
    try:
        record = json.loads(path_of(page).read_text("utf-8"))
        kept = record["code"], record["result"], record["versions"], record["date"]
    except FileNotFoundError:
        raise ValueError(f"it runs in the environment {page.environment!r} and has no recorded outputs {COMMAND}") from None
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path_of(page).name} cannot be read ({type(error).__name__}: {error}) {COMMAND}") from None
    if kept[0] != [list(cell) for cell in page.code]:
        raise ValueError(f"its code has changed since its outputs were recorded {COMMAND}")
    return record


def write(page: Page, result: dict) -> None:
    """Keep a page's result, in the form that the cache has, with the versions and the day."""
    record = {"date": date.today().isoformat(), "versions": versions(page), "code": page.code, "result": result}
    write_whole(path_of(page), json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def versions(page: Page) -> dict[str, str]:
    """Name -> version of Python and of the packages that a page's code names."""
    named = set(re.findall(r"\w+", "\n".join(source for source, _ in page.code)))
    found = {"Python": platform.python_version()}
    return found | {name: release(package) or "missing" for package, name in PACKAGES.items() if package in named}


def release(package: str) -> str | None:
    """The version of a package that is installed, under its name or as its build for a CPU alone; None if neither is."""
    for distribution in (package, f"{package}-cpu"):
        with contextlib.suppress(PackageNotFoundError):
            return version(distribution).partition("+")[0]  # the same release, whatever it was built for
    return None


def differences(page: Page, record: dict, executed: NotebookNode) -> Iterator[tuple[int, str]]:
    """What a page gives now that its record does not: the index of each cell that differs, and how."""
    now = versions(page)
    for name, number in record["versions"].items():
        if name != "Python" and now.get(name) != number:
            yield page.first, f"recorded with {name} {number}, run with {now.get(name, 'none')}"
    recorded = iter(record["result"]["cells"])
    for index, cell in enumerate(executed.cells):
        if cell.cell_type == "code":
            before, after = (_said(outputs) for outputs in (next(recorded)[1], cell.outputs))
            if difference := _difference(before, after):
                yield index, difference


def _said(outputs: list) -> list[str]:
    """What each output says, in words: a claim, a text, a stream. Pictures follow from the same numbers."""
    return [text for output in outputs if (text := _words(output))]


def _words(output: dict) -> str:
    if output["output_type"] == "stream":
        return output["text"]
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    data = output["data"]
    if CLAIM in data:
        return " | ".join(f"{data[CLAIM].get(key)}" for key in ("sentence", "check", "measured", "tolerance"))
    return "".join(data.get("text/markdown") or data.get("text/plain") or "")


def _difference(before: list[str], after: list[str]) -> str:
    """How two lists of words differ, numbers within rounding; "" if they do not."""
    if len(before) != len(after):
        return f"recorded are {len(before)} outputs, now there are {len(after)}"
    for old, new in zip(before, after):
        same_words = NUMBER.sub("0", old) == NUMBER.sub("0", new)
        if not (same_words and all(map(_close, NUMBER.findall(old), NUMBER.findall(new)))):
            return f"recorded is {old.strip()!r}, now it is {new.strip()!r}"
    return ""


def _close(old: str, new: str) -> bool:
    old, new = float(old), float(new)
    return abs(old - new) <= NOISE + RELATIVE * max(abs(old), abs(new))


def stack(record: dict) -> str:
    """The versions of a record as a list in words."""
    return ", ".join(f"{name} {number}" for name, number in record["versions"].items())
