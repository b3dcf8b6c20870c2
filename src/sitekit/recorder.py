"""Inside a page's process: note which of the project's files its results depend on.

An audit hook sees every ``open``, folder listing and import, also those of libraries; child processes that run Python
get the same hook (``hooks/sitecustomize.py``). What is seen is appended at once, one JSON line each, to the file named
by ``SITEKIT_RECORD``, with the hash that a file had when it was opened: a crash loses nothing, and an edit made while
the page runs is noticed. Files outside the project are covered by the installed versions, which the cache's key holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from importlib import machinery


def digest(path: str) -> str | None:
    """The file's hash; None if there is no such file."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


class SourceLoader(machinery.SourceFileLoader):
    """Loads the project's modules from their source, never from byte code.

    Byte code counts as fresh when size and whole-second mtime agree, so a quick edit of one character can go unseen.
    """

    def path_stats(self, path):
        """Say that there is nothing to compare byte code with, so that none is read and none is written."""
        raise OSError("not from byte code")


class Recorder:
    """Writes what the process reads below `root`, except below `ignored`, to the file `record`."""

    def __init__(self, root: str, ignored: list[str], record: str):
        self.root = os.path.join(os.path.realpath(root), "")
        self.ignored = tuple(os.path.join(os.path.realpath(path), "") for path in ignored)
        self.record = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        self.seen: set[tuple] = set()
        self.written: set[str] = set()
        self.busy = threading.local()  # what the hook itself opens is not to be recorded

    def install(self) -> None:
        """Start to record; there is no way to stop, short of the process's end."""
        loaders = (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES), (SourceLoader, machinery.SOURCE_SUFFIXES)
        finder = machinery.FileFinder.path_hook(*loaders)

        def project_finder(path):
            if self.inside(path or ".") is None:
                raise ImportError(path)
            return finder(path)

        sys.path_hooks.insert(0, project_finder)
        sys.path_importer_cache.clear()  # and what a parent process listed is listed again, before our eyes
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple) -> None:
        """The audit hook."""
        if event not in ("open", "os.listdir", "os.scandir", "import", "subprocess.Popen", "os.posix_spawn", "sqlite3.connect"):
            return
        if getattr(self.busy, "now", False):
            return
        self.busy.now = True
        try:
            self.note(event, arguments)
        except (TypeError, ValueError):
            pass  # no path at all: whoever asked for it will hear so from the function that was called
        finally:
            self.busy.now = False

    def note(self, event: str, arguments: tuple) -> None:
        """Record one event."""
        if event == "import":
            name, filename = arguments[:2]
            self.write("looked for", name.rpartition(".")[2])
            if filename:  # an extension module: the system's loader opens it, unseen
                self.file(filename)
        elif event == "open":
            path, mode, flags = arguments
            writes = any(letter in mode for letter in "wax") if isinstance(mode, str) else flags & (os.O_WRONLY | os.O_RDWR)
            self.file(path, writes=bool(writes))
        elif event in ("sqlite3.connect", "subprocess.Popen", "os.posix_spawn"):
            for argument in arguments[:1] if event == "sqlite3.connect" else arguments[1]:
                if os.path.isfile(argument):
                    self.file(argument)
        else:
            self.listing(arguments[0])

    def inside(self, path) -> str | None:
        """The path relative to the root, if it is one of the project's."""
        if isinstance(path, int) or path is None:
            return None
        path = os.path.realpath(os.fsdecode(path))
        if not os.path.join(path, "").startswith(self.root) or os.path.join(path, "").startswith(self.ignored):
            return None
        return os.path.relpath(path, self.root)

    def file(self, path, writes: bool = False) -> None:
        """Record that a file is read; one that the page itself writes is no input."""
        name = self.inside(path)
        if name is None or name in self.written:
            return
        if writes:
            self.written.add(name)
        elif ("file", name) not in self.seen:
            self.seen.add(("file", name))
            self.write("file", name, digest(path))

    def listing(self, path) -> None:
        """Record that a folder is listed: by the import system, which looks for certain names only, or by the page."""
        name = self.inside(os.getcwd() if path is None else path)
        frame = sys._getframe(3)
        if name is None or os.sep + os.path.join("importlib", "metadata") in frame.f_code.co_filename:
            return  # installed versions are in the cache's key
        self.write("searched" if frame.f_code.co_filename.startswith("<frozen importlib") else "listed", name)

    def write(self, *line) -> None:
        """Append a line, once."""
        if line not in self.seen:
            self.seen.add(line)
            os.write(self.record, json.dumps(line).encode() + b"\n")


def install_from_environment() -> None:
    """Record from now on, as the environment variable says; do nothing if that is being done already."""
    global _installed
    if "SITEKIT_RECORD" in os.environ and not _installed:
        _installed = True
        Recorder(**json.loads(os.environ["SITEKIT_RECORD"])).install()


_installed = False
