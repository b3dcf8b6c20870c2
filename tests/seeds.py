"""Train every task recipe with ten seeds that no page uses, and record how each did, and what its page says of it.

``python tests/seeds.py``, or ``python tests/seeds.py spam poetry`` for those alone.

A page trains its recipe with seed 0 and claims a bound. This shows that the bound is no luck of that seed, and no other
claim of the page either: the page's code runs once for each seed, and is given that seed's models. A recipe of
``docs/recipes`` takes part when it defines

``BOUND``
    What the page claims, by name of the figure: ``{"accuracy": ("at least", 0.95)}``, or ``"at most"``.
``run(seed=0, verbose=0)``
    Trains with the recipe's own data and settings, everything random drawn from ``seed``. Returns a dict with
    every figure named in ``BOUND``, ``"baseline"`` (what the first of them is held against), and whatever the page
    needs besides, such as ``"model"``.

``tests/seeds.json`` keeps the figures, and the claims that failed, with the SHA-256 of the recipe and of the page's
code; ``tests/recipes/test_seeds.py`` fails once they are not those that ran. Recipes whose record is up to date are
passed over.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib.util
import io
import json
import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path
from unittest import mock

RECIPES = Path(__file__).resolve().parents[1] / "docs" / "recipes"
RECORD = Path(__file__).with_name("seeds.json")
SEEDS = range(1, 11)


def tasks() -> list[Path]:
    """The recipes that take part."""
    return [path for path in sorted(RECIPES.glob("*.py")) if "\nBOUND = " in path.read_text("utf-8")]


def page_of(recipe: Path) -> Path:
    """The page that trains a recipe."""
    pages = [page for page in (RECIPES.parent / "tasks").glob("*.md")
             if f"\nimport {recipe.stem}\n" in page.read_text("utf-8")]
    if len(pages) != 1:
        raise ValueError(f"{recipe.name} is imported by {len(pages)} pages of docs/tasks, but one was expected")
    return pages[0]


def cells(page: Path) -> list[str]:
    """The code cells of a page, without their options."""
    found = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [re.sub(r"\A(:[^\n]*\n)+\s*", "", cell) for cell in found]


def digest(recipe: Path) -> str:
    """The SHA-256 of a recipe and of its page's code, in hexadecimal."""
    return hashlib.sha256("\0".join([recipe.read_text("utf-8"), *cells(page_of(recipe))]).encode()).hexdigest()


def load(path: Path):
    """A recipe as a module."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def read() -> dict[str, dict]:
    """What was recorded: a recipe's name -> its record."""
    return json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}


def misses(record: dict) -> list[str]:
    """What of a record does not hold, in words: claims, and figures' bounds. A figure that is no number keeps none."""
    found = [f"seed {seed}: {claim}" for seed, claims in record["failed"].items() for claim in claims]
    for seed, figures in record["seeds"].items():
        for name, (side, bound) in record["bound"].items():
            value = figures[name]
            if not (value >= bound if side == "at least" else value <= bound):
                found.append(f"seed {seed}: {name} {value:.4g}, not {side} {bound:g}")
    return found


def table(records: dict[str, dict]) -> list[str]:
    """A line for each figure of each recipe: what it is held against, and the worst and best of the seeds."""
    lines = [f"{'recipe':20}{'figure':26}{'baseline':>10}{'bound':>17}{'worst':>9}{'best':>9}  seeds"]
    for recipe, record in records.items():
        for k, (name, (side, bound)) in enumerate(record["bound"].items()):
            values = sorted((figures[name] for figures in record["seeds"].values()), reverse=side == "at most")
            baseline = "" if k else f"{record['baseline']:.4g}"
            lines.append(f"{recipe:20}{name:26}{baseline:>10}{f'{side} {bound:g}':>17}"
                         f"{values[0]:>9.4g}{values[-1]:>9.4g}  {len(values)}")
        claims, failed = record["claims"], sorted(map(len, record["failed"].values()), reverse=True)
        lines.append(f"{recipe:20}{'claims of its page':26}{f'all {claims}':>27}"
                     f"{claims - failed[0]:>9}{claims - failed[-1]:>9}  {len(failed)}")
    return lines


def failed_claims(page: Path, recipe, result: dict) -> tuple[int, list[str]]:
    """Run a page's code with what ``recipe.run`` gave: how many claims it makes, and those that fail."""
    os.environ.setdefault("MPLBACKEND", "agg")
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from unrolled.claims import Claim

    made, failed, before = [], [], os.getcwd()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    with (mock.patch.dict(sys.modules, {recipe.__name__: recipe}),
          mock.patch.object(recipe, "run", lambda seed: result),
          mock.patch.object(Claim, "_show", lambda claim, *_: made.append(claim)),
          mock.patch.object(Claim, "_fail", lambda claim, why: failed.append(f"{claim.sentence}: {why}")),
          contextlib.redirect_stdout(io.StringIO())):
        os.chdir(page.parent)
        try:
            for cell in cells(page):
                shell.run_cell(cell).raise_error()
        finally:
            os.chdir(before)
            InteractiveShell.clear_instance()
    return len(made), failed


def train(path: Path) -> dict:
    """Train a recipe with each seed, and run its page on each."""
    trained, recipe, page, seeds, failed = digest(path), load(path), page_of(path), {}, {}
    for side, _ in recipe.BOUND.values():
        if side not in ("at least", "at most"):
            raise ValueError(f"BOUND of {path.name} says {side!r}, but 'at least' or 'at most' was expected")
    for seed in SEEDS:
        result = recipe.run(seed=seed)
        seeds[str(seed)] = {name: float(result[name]) for name in recipe.BOUND}
        baseline = float(result["baseline"])
        claims, failed[str(seed)] = failed_claims(page, recipe, result)
        print(f"{path.name} seed {seed}: {seeds[str(seed)]}", flush=True)
        print(f"{page.name}, {claims} claims, failed: {failed[str(seed)]}", flush=True)
    versions = {name: version(name) for name in ("keras", "numpy")} | {"python": platform.python_version()}
    return {"sha256": trained, "date": datetime.date.today().isoformat(), "versions": versions,
            "bound": {name: list(bound) for name, bound in recipe.BOUND.items()},
            "baseline": baseline, "seeds": seeds, "claims": claims, "failed": failed}


def main(names: list[str]) -> int:
    """Train what changed, of the recipes named or of all; write the record after each, print the table."""
    there = tasks()
    unknown = sorted({Path(name).stem for name in names} - {path.stem for path in there})
    if unknown:
        print(f"no task recipe {', '.join(unknown)}; there are {', '.join(path.stem for path in there)}", file=sys.stderr)
        return 2
    chosen = {Path(name).stem for name in names} or {path.stem for path in there}
    for path in there:
        if path.stem in chosen and read().get(path.name, {}).get("sha256") != digest(path):
            record = train(path)
            # Read anew: another run may have recorded another recipe meanwhile.
            records = {name: old for name, old in read().items() if RECIPES / name in there} | {path.name: record}
            RECORD.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", "utf-8")
    records = read()
    print("\n".join(table(records)))
    missed = [f"{name}: {miss}" for name, record in records.items() for miss in misses(record)]
    print("\n".join(missed))
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
