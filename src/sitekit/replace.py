"""Folders: one build at a time in each, and replaced whole."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

AT_FDCWD, RENAME_EXCHANGE = -100, 2


def lock(path: Path, waiting: Callable[[], None] = lambda: None) -> IO:
    """Take a lock that lasts until the returned file is closed or the process ends, however it ends.

    Parameters
    ----------
    path : Path
        A file for the lock; made if there is none.
    waiting : callable
        Called once if another process has the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a")
    try:
        import fcntl
    except ImportError:  # Windows
        return file
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.lockf(file, fcntl.LOCK_EX)
    return file


def replace_folder(source: Path, target: Path) -> None:
    """Make `target` a copy of `source` in one step: a reader sees the old folder or the new, never a mixture.

    Parameters
    ----------
    source, target : Path
        Folders on one file system; `target` need not exist.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for left_over in target.parent.glob(f".{target.name}-*"):  # of a build that was killed in this function
        shutil.rmtree(left_over, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        shutil.copytree(source, aside / "new", symlinks=True)
        if target.exists():
            _exchange(aside / "new", target)
        else:
            os.rename(aside / "new", target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders; at once where the system can."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
        done = rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0
    except (AttributeError, TypeError, OSError):  # not Linux
        done = False
    if not done:
        os.rename(other, one.with_name("old"))
        os.rename(one, other)
