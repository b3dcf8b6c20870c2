"""Lighthouse over the built site: performance, accessibility, best practices and findability of a few pages, with its own reports."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sitekit.browsing import find_chromium, served

VERSION = "12.8.2"  # the last for Node.js 20
PAGES = ("index", "layers/lstm", "tasks/spam")
LEAST, RUNS = 98, 3  # a score, and of how many runs it is the median: runs differ by a few points
# A new window without a screen holds its empty page for seconds, which is the window's time and not the site's.
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-features=PaintHolding"


def judge(site: Path, folder: Path, pages: Sequence[str] = ()) -> int:
    """Run Lighthouse with its profile of a mid-range phone; print the scores, say where they are too low.

    Parameters
    ----------
    site : Path
        The built site.
    folder : Path
        Where the reports go, as JSON and as HTML.
    pages : sequence of str
        Which pages; the home page, one layer and one task if none is named.

    Returns
    -------
    int
        An exit status: 0 if every score is `LEAST` or more.
    """
    npx, chromium = shutil.which("npx"), find_chromium()
    missing = [what for what, there in [("Node.js (npx)", npx), ("Chromium", chromium), (f"{site} (make html)", site.exists())] if not there]
    if missing:
        print(f"lighthouse needs {', '.join(missing)}")
        return 1
    low = []
    with served(site) as address:
        for page in pages or PAGES:
            scores = _scores(npx, chromium, f"{address}/{page}.html", folder / page.replace("/", "-"))
            print(f"{page}: " + ", ".join(f"{name} {score}" for name, score in scores.items()), flush=True)
            low += [f"{page}: {name} is {score}, not {LEAST}" for name, score in scores.items() if score < LEAST]
    print("\n".join(low) or f"lighthouse {VERSION}: all scores are {LEAST} or more; the reports are in {folder}")
    return int(bool(low))


def _scores(npx: str, chromium: str, address: str, report: Path) -> dict[str, int]:
    """Category -> score from 0 to 100, the median of some runs; the last run's report stays."""
    runs = [_run(npx, chromium, address, report) for _ in range(RUNS)]
    return {name: statistics.median_low(run[name] for run in runs) for name in runs[0]}


def _run(npx: str, chromium: str, address: str, report: Path) -> dict[str, int]:
    report.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [npx, "--yes", f"lighthouse@{VERSION}", address, "--quiet", "--output=json", "--output=html", f"--output-path={report}",
         f"--chrome-flags={FLAGS}"], check=True, env={**os.environ, "CHROME_PATH": chromium},
    )
    found = json.loads(report.with_name(f"{report.name}.report.json").read_text(encoding="utf-8"))
    return {category["title"]: round(100 * (category["score"] or 0)) for category in found["categories"].values()}
