"""The results of pages on disk: an entry is used only if all that the page's outputs depend on is as it was.

The key holds what is known before a page runs: its code, the Python version, the installed versions, the settings.
What it read while it ran (the package's modules, data files, recipes) is in the entry, each with its hash, and is
compared before the entry is used: ccache calls this its direct mode. One key may have several entries, so going back
to an earlier version of the package finds the earlier results.

An entry is one file, written aside and renamed into place, with its own hash in its first line. A build that is
killed, or a disk that is full, leaves either a whole entry or none.
What a killed build has left beside it is removed by the next that writes there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sitekit.recorder import digest

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, what a killed build left stays
    fcntl = None

KEPT = 8  # entries a key; the oldest go first


def fingerprint(value) -> str:
    """Hash any JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def dependencies(record: str, root: Path) -> dict[str, str | None]:
    """Turn what `sitekit.recorder` wrote into a mapping: what was read -> its state.

    Parameters
    ----------
    record : str
        JSON lines; the last may be torn.
    root : Path
        The project's folder.
    """
    lines = []
    for line in record.splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    names = sorted({name for kind, name, *_ in lines if kind == "looked for"})
    found: dict[str, str | None] = {}
    for kind, name, *state in lines:
        if kind == "file":
            found.setdefault(f"file {name}", state[0])
        elif kind == "listed":
            found[f"listed {name}"] = _state(f"listed {name}", root)
        elif kind == "searched":  # a new file matters if its name is one that was looked for here: it would be found now
            question = f"searched {name} for {' '.join(names)}"
            found[question] = _state(question, root)
    return found


def unchanged(found: dict[str, str | None], root: Path) -> bool:
    """Whether all that was read is as it was."""
    return all(_state(question, root) == state for question, state in found.items())


def _state(question: str, root: Path) -> str | None:
    """The present answer to one line of `dependencies`."""
    kind, _, name = question.partition(" ")
    if kind == "file":
        return digest(str(root / name))
    name, _, wanted = name.partition(" for ") if kind == "searched" else (name, "", "")
    try:
        present = os.listdir(root / name)
    except OSError:
        return None
    if kind == "searched":
        wanted = set(wanted.split())
        present = [entry for entry in present if entry.partition(".")[0] in wanted]
    return fingerprint(sorted(set(present) - {"__pycache__"}))


class Cache:
    """Entries below one folder.

    Parameters
    ----------
    folder : Path
        Made when it is first written to. Any number of builds may use it at once.
    root : Path
        The project's folder, which recorded names are relative to.
    """

    def __init__(self, folder: Path, root: Path):
        self.folder, self.root = Path(folder), Path(root)

    def get(self, key: str) -> dict | None:
        """The newest entry under `key` whose dependencies are unchanged, as it was put; None if there is none."""
        for path in self._entries(key):
            entry = _read(path)
            if entry and unchanged(entry["dependencies"], self.root):
                return entry["result"]
        return None

    def put(self, key: str, result: dict, found: dict[str, str | None]) -> bool:
        """Keep a result; say whether that was done. It is not if a dependency changed while the page ran."""
        if not unchanged(found, self.root):
            return False
        entry = json.dumps({"dependencies": found, "result": result})
        folder = self.folder / key
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / f"{fingerprint(found)}.json", f"{hashlib.sha256(entry.encode()).hexdigest()}\n{entry}")
        except OSError:  # a full disk, a folder that may not be written: the next build runs the page again
            return False
        for path in self._entries(key)[KEPT:]:
            path.unlink(missing_ok=True)
        return True

    def _entries(self, key: str) -> list[Path]:
        def age(path: Path) -> float:
            try:
                return -path.stat().st_mtime
            except FileNotFoundError:  # another build has just removed it
                return 0

        return sorted((self.folder / key).glob("*.json"), key=age)


def _read(path: Path) -> dict | None:
    with contextlib.suppress(OSError, ValueError):
        checksum, _, entry = path.read_text("utf-8").partition("\n")
        if hashlib.sha256(entry.encode()).hexdigest() == checksum:
            return json.loads(entry)
    return None


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or, whatever happens, not at all."""
    for left in path.parent.glob(".*.part"):
        _remove_if_abandoned(left)
    with _beside(path) as aside:
        with open(aside, "w", encoding="utf-8") as file:
            _hold(file)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[str]:
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    os.close(descriptor)
    try:
        yield aside
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)


def _hold(file: IO) -> bool:
    """Lock a file until it is closed, or its process is killed; False if another holds it, or there are no locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_if_abandoned(aside: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # another build has just removed it
        if time.time() - aside.stat().st_mtime < 1:  # made a moment ago, perhaps not locked yet
            return
        with open(aside, "rb") as file:
            if _hold(file):
                aside.unlink()
