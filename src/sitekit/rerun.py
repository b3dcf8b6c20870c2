"""``python -m sitekit rerun ENVIRONMENT``: run again the pages that need an environment, and compare with their records."""

from __future__ import annotations

import functools
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from sitekit import pages, read_configuration, records, settings_from
from sitekit.execution import Failure, Result, executed, kept
from sitekit.progress import Progress, count

PRELOAD = ("numpy", "matplotlib.pyplot")  # not Keras: each page chooses its backend before it imports it


def rerun(confdir: Path, source: str, environment: str, record: bool = False) -> int:
    """Run every page of an environment, which this process has to be in; return the exit status.

    Parameters
    ----------
    confdir : Path
        The folder of ``conf.py``.
    source : str
        The folder of the pages, from there.
    environment : str
        Its name, as in the pages' front matter.
    record : bool
        Write new records where they differ or are missing, instead of failing.
    """
    found = pages_of(confdir / source, environment)
    if not found:
        print(f"no page below {source} has `environment: {environment}` in its front matter")
        return 2
    progress = Progress(functools.partial(print, flush=True))
    with tempfile.TemporaryDirectory(prefix="rerun-") as folder:
        settings = settings_from(read_configuration(confdir), confdir)
        settings = replace(settings, runs=environment, preload=PRELOAD, cache_dir=Path(folder))
        results = executed(found, settings, progress.finished, progress.started).values()
    progress.close()
    for result in results:
        if not result.failures:
            result.failures += _compare(result, record)
    failures = [failure for result in results for failure in result.failures]
    print(*failures, progress.summary(results), sep="\n")
    return int(bool(failures))


def pages_of(folder: Path, environment: str) -> list[pages.Page]:
    """The pages below a folder whose front matter names an environment."""
    paths = sorted(folder.rglob("*.md"))
    read = (pages.read(path, path.relative_to(folder).with_suffix("").as_posix()) for path in paths)
    return [page for page in read if page and page.environment == environment]


def _compare(result: Result, record: bool) -> list[Failure]:
    """How a page's results differ from its record; nothing, and a new record, if they are to be recorded."""
    page = result.page
    try:
        found = list(records.differences(page, records.read(page), result.notebook))
    except ValueError as error:
        found = [(page.first, str(error))]
    if found and record:
        records.write(page, kept(result))
        print(f"recorded {os.path.relpath(records.path_of(page))}: {count(len(found), 'difference')} from before")
        return []
    cells = [cell.cell_type == "code" for cell in result.notebook.cells]
    return [Failure(page.path, page.line(index), sum(cells[: index + 1]), text) for index, text in found]
