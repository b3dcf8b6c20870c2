"""The time and memory of building a site: ours, stock MyST-NB's, and the least that it could take.

Two sites are built: a dozen small pages, where starting kernels is nearly all there is to do, and this site's own
pages. Every build is a ``sphinx-build`` of its own, in a copy of the project, as a reader of the README would run it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
STOCK = """
extensions.remove("sitekit")
nb_execution_mode, nb_execution_timeout, nb_output_stderr = "force", 600, "show"
"""
CONFIGURATIONS = {"ours": "", "stock": STOCK, "unrun": STOCK + 'nb_execution_mode = "off"\n'}
HEAD = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n"
SMALL = """# Page {number}

```{{code-cell}}
import keras, numpy as np, unrolled as ur

layer = keras.layers.LSTM({number} + 3, return_sequences=True)
x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
y = layer(x)
ur.claim("The trace ends in what Keras returns").close(ur.trace(layer, x).hidden, y)
```

```{{code-cell}}
import matplotlib.pyplot as plt

plt.plot(y[0]);
```
"""


@dataclass(frozen=True)
class Run:
    """A command that ran: its seconds by the clock and of the cores, and the most memory held at once."""

    seconds: float
    cpu: float
    megabytes: float


def report(pages: int = 0) -> None:
    """Print a table for each site; `pages` limits how many of this site's own pages are built (0: all)."""
    print(f"\nTime of building the site, {CORES} cores, load {os.getloadavg()[0]:.1f} at the start")
    for title, fill in (("12 small pages", small_pages), ("this site's pages", lambda docs: own_pages(docs, pages))):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            print(f"\n{title}\n" + measure(Path(folder), fill), flush=True)


def measure(folder: Path, fill: Callable[[Path], None]) -> str:
    """Build a site in every way, each in a copy of the project; return the table."""
    ours, stock, unrun = (copy(folder / name, fill, more) for name, more in CONFIGURATIONS.items())
    builds = {"cold": build(ours)}
    cells = seconds_in_cells(ours)
    builds["nothing changed"] = build(ours)
    edit_one(ours / "docs")
    builds["one page edited"] = build(ours)
    builds["stock MyST-NB, cold"] = build(stock)
    builds["Sphinx alone, nothing run"] = build(unrun)
    builds["Sphinx alone, nothing changed"] = build(unrun)
    imported = run([sys.executable, "-c", "import ipykernel.kernelapp, matplotlib.pyplot, keras"], ours)

    floor = imported.seconds + cells / CORES + builds["Sphinx alone, nothing run"].seconds
    lines = [f"  {name:32}{made.seconds:8.1f} s {made.cpu:8.1f} s of a core {made.megabytes:8.0f} MiB" for name, made in builds.items()]
    lines.append(f"  {'floor':32}{floor:8.1f} s   = one import {imported.seconds:.1f} + cells {cells:.1f} / {CORES} + Sphinx alone")
    cold, unchanged = builds["cold"].seconds, builds["nothing changed"].seconds
    lines += [
        _goal("stock / cold", builds["stock MyST-NB, cold"].seconds / cold, at_least=5),
        _goal("cold / floor", cold / floor, at_most=1.5),
        _goal("nothing changed / Sphinx's own", unchanged / builds["Sphinx alone, nothing changed"].seconds, at_most=1.5),
    ]
    return "\n".join(lines)


def _goal(name: str, value: float, at_least: float = 0, at_most: float = float("inf")) -> str:
    wanted = f"at least {at_least:g}" if at_least else f"at most {at_most:g}"
    return f"  {name:32}{value:8.2f}     {wanted}: {'kept' if at_least <= value <= at_most else 'MISSED'}"


def small_pages(docs: Path) -> None:
    """Put a dozen small pages in place of the site's."""
    for path in docs.rglob("*.md"):
        path.unlink()
    for number in range(12):
        (docs / f"page{number:02}.md").write_text(HEAD + SMALL.format(number=number), "utf-8")
    (docs / "index.md").write_text("# Index\n\n```{toctree}\n:glob:\n\npage*\n```\n", "utf-8")


def own_pages(docs: Path, number: int) -> None:
    """Leave the site's pages as they are, or only the first few of those that run code."""
    running = [path for path in sorted(docs.rglob("*.md")) if path.read_text("utf-8").startswith("---\nfile_format: mystnb")]
    for path in running[number:] if number else ():
        path.unlink()


def edit_one(docs: Path) -> None:
    """Add a line to the first code cell of a page."""
    path = next(path for path in sorted(docs.rglob("*.md")) if "\n```{code-cell}\n" in path.read_text("utf-8"))
    path.write_text(path.read_text("utf-8").replace("\n```{code-cell}\n", "\n```{code-cell}\nedited = True\n", 1), "utf-8")


def copy(project: Path, fill: Callable[[Path], None], more: str) -> Path:
    """Make a copy of the project with other pages, and with `more` at the end of its configuration."""
    for name in ("src", "docs"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.txt", project)
    (project / "conf.py").write_text((ROOT / "conf.py").read_text("utf-8") + more, "utf-8")
    fill(project / "docs")
    return project


def build(project: Path) -> Run:
    """Build a project's site, as many pages at a time as there are cores."""
    return run([sys.executable, "-m", "sphinx", "-q", "-j", str(CORES), "-c", ".", "docs", "html"], project)


def run(command: list[str], where: Path) -> Run:
    """Run a command to its end, and watch it. What it says is shown if it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in THREADS}
    environment |= {"PYTHONPATH": str(where / "src"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    began, before = time.perf_counter(), os.times()
    process = subprocess.Popen(command, cwd=where, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peak = [0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    said, _ = process.communicate()
    seconds, after = time.perf_counter() - began, os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])  # of all processes below, as each was waited for by its parent
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{said[-3000:]}")
    return Run(seconds, cpu, peak[0] / 2**20)


def _watch(process: subprocess.Popen, peak: list[int]) -> None:
    """Note the largest sum of the processes' memory, what several share being counted once (the PSS)."""
    while process.poll() is None:
        total = 0
        try:
            for one in [parent := psutil.Process(process.pid), *parent.children(recursive=True)]:
                try:
                    memory = one.memory_full_info()
                    total += getattr(memory, "pss", memory.rss)
                except psutil.Error:  # it has just ended
                    continue
        except psutil.Error:
            return
        peak[0] = max(peak[0], total)
        time.sleep(0.5)


def seconds_in_cells(confdir: Path) -> float:
    """How long the cells of all pages took, by themselves, in the build that filled the cache."""
    entries = (confdir / ".cache" / "pages").glob("*/*.json")
    return sum(json.loads(entry.read_text("utf-8").partition("\n")[2])["result"]["seconds"] for entry in entries)


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
