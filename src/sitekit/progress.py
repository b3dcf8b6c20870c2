"""Telling how a build goes: a bar on a terminal, plain lines elsewhere, and one line at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

from tqdm import tqdm

from sitekit.execution import Result


class Progress:
    """Hears of pages as they finish.

    Parameters
    ----------
    say : callable
        Prints a line.
    """

    def __init__(self, say: Callable[[str], None] = print):
        self._say, self._bar, self._began = say, None, time.perf_counter()

    def started(self, number: int) -> None:
        """So many pages are about to run."""
        if sys.stderr.isatty():
            self._bar = tqdm(total=number, unit="page", desc="running", leave=False)
        else:
            self._say(f"running {count(number, 'page')}")

    def finished(self, result: Result) -> None:
        """A page has its result."""
        if result.from_cache or result.record:
            return
        verdict = f"{count(len(result.failures), 'failure')}" if result.failures else count(result.claims, "claim")
        line = f"{result.page.docname}: {verdict}, {result.seconds:.1f} s"
        if self._bar is None:
            self._say(f"  {line}")
        else:
            self._bar.set_postfix_str(result.page.docname)
            self._bar.update()
            if result.failures:
                self._bar.write(line, file=sys.stderr)

    def close(self) -> None:
        """No more pages will run."""
        if self._bar is not None:
            self._bar.close()

    def summary(self, results: Iterable[Result], where: str = "") -> str:
        """One line on the whole build."""
        results = list(results)
        recorded = sum(result.record is not None for result in results)
        ran = sum(not result.from_cache for result in results) - recorded
        claims = sum(result.claims for result in results)
        seconds = time.perf_counter() - self._began
        parts = [f"{count(ran, 'page')} run", f"{len(results) - ran - recorded} from cache", f"{count(claims, 'claim')} checked", f"{seconds:.1f} s"]
        if recorded:
            parts.insert(2, f"{recorded} from records")
        return ", ".join(parts) + (f": {where}" if where else "")


def count(number: int, noun: str) -> str:
    """``2, "page"`` -> ``"2 pages"``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
