"""Train every task recipe with ten seeds that no page uses, and record how each did.

``python tests/seeds.py``, or ``python tests/seeds.py spam poetry`` for those alone.

A page trains its recipe with seed 0 and claims a bound. This shows that the bound is no luck of that seed.
A recipe of ``docs/recipes`` takes part when it defines

``BOUND``
    What the page claims, by name of the figure: ``{"accuracy": ("at least", 0.95)}``, or ``"at most"``.
``run(seed=0, verbose=0)``
    Trains with the recipe's own data and settings, everything random drawn from ``seed``. Returns a dict with
    every figure named in ``BOUND``, ``"baseline"`` (what the first of them is held against), and whatever the page
    needs besides, such as ``"model"``.

``tests/seeds.json`` keeps the figures with the recipe's SHA-256; ``tests/recipes/test_seeds.py`` fails once the recipe
is not the one that was trained. Recipes whose record is up to date are passed over.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.util
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

RECIPES = Path(__file__).resolve().parents[1] / "docs" / "recipes"
RECORD = Path(__file__).with_name("seeds.json")
SEEDS = range(1, 11)


def tasks() -> list[Path]:
    """The recipes that take part."""
    return [path for path in sorted(RECIPES.glob("*.py")) if "\nBOUND = " in path.read_text("utf-8")]


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
    """The figures of a record that do not keep their bound, in words; a figure that is no number never does."""
    found = []
    for seed, figures in record["seeds"].items():
        for name, (side, bound) in record["bound"].items():
            value = figures[name]
            if not (value >= bound if side == "at least" else value <= bound):
                found.append(f"seed {seed}: {name} {value:.4g}, not {side} {bound:g}")
    return found


def table(records: dict[str, dict]) -> list[str]:
    """A line for each figure of each recipe: what it is held against, and the worst and best of the seeds."""
    lines = [f"{'recipe':20}{'figure':24}{'baseline':>10}{'bound':>17}{'worst':>9}{'best':>9}  seeds"]
    for recipe, record in records.items():
        for k, (name, (side, bound)) in enumerate(record["bound"].items()):
            values = sorted((figures[name] for figures in record["seeds"].values()), reverse=side == "at most")
            baseline = "" if k else f"{record['baseline']:.4g}"
            lines.append(f"{recipe:20}{name:24}{baseline:>10}{f'{side} {bound:g}':>17}"
                         f"{values[0]:>9.4g}{values[-1]:>9.4g}  {len(values)}")
    return lines


def train(path: Path) -> dict:
    """Train a recipe with each seed."""
    trained, recipe, seeds = digest(path), load(path), {}
    for side, _ in recipe.BOUND.values():
        if side not in ("at least", "at most"):
            raise ValueError(f"BOUND of {path.name} says {side!r}, but 'at least' or 'at most' was expected")
    for seed in SEEDS:
        result = recipe.run(seed=seed)
        seeds[str(seed)] = {name: float(result[name]) for name in recipe.BOUND}
        baseline = float(result["baseline"])
        print(f"{path.name} seed {seed}: {seeds[str(seed)]}", flush=True)
    versions = {name: version(name) for name in ("keras", "numpy")} | {"python": platform.python_version()}
    return {"sha256": trained, "date": datetime.date.today().isoformat(), "versions": versions,
            "bound": {name: list(bound) for name, bound in recipe.BOUND.items()},
            "baseline": baseline, "seeds": seeds}


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
