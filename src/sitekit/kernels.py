"""Jupyter kernels for pages: forked from the warm process where that can be had, started afresh elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from sitekit.forkserver import Forked, import_all
from sitekit.recorder import install_from_environment

PRELOAD = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "IPython", "matplotlib_inline.backend_inline",
    "sitekit.kernels",
)


class PageProvisioner(LocalProvisioner):
    """Starts a page's process; everything after that is as for any local kernel.

    Parameters
    ----------
    server : str or None
        Address of the fork server; None for a fresh process.
    cwd, env : Path, mapping
        The process's working folder and whole environment.
    arguments : mapping
        For `run_kernel`.
    scratch : Path
        Folder for the files ``stdout`` and ``stderr``, to which the process writes what Python's streams do not see:
        messages of compiled code and of child processes, and a crash's last words.
    """

    def __init__(self, *, server: str | None, cwd: Path, env: Mapping, arguments: Mapping, scratch: Path, **kwargs):
        super().__init__(**kwargs)
        self._server, self._where, self._env, self._arguments, self._scratch = server, cwd, dict(env), arguments, scratch

    async def launch_kernel(self, cmd, **_):
        """Start the page's process in place of the kernel specification's command."""
        self.process = await asyncio.to_thread(self._start)
        self.pid = self.pgid = self.process.pid
        self.cwd = self._where
        return self.connection_info

    def _start(self):
        arguments = {**self._arguments, "connection_file": self.parent.connection_file}
        with open(self._scratch / "stdout", "ab") as stdout, open(self._scratch / "stderr", "ab") as stderr:
            streams = {"stdout": stdout.fileno(), "stderr": stderr.fileno()}
            if self._server:
                target = "sitekit.kernels:run_kernel"
                return Forked(self._server, target, arguments, cwd=self._where, env=self._env, **streams)
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "sitekit.kernels", json.dumps(arguments)],
                cwd=self._where, env=self._env, stdin=subprocess.DEVNULL, start_new_session=True, **streams,
            )


def kernel_manager(scratch: Path, **provision) -> AsyncKernelManager:
    """A manager of one kernel, not yet started; its sockets are files in `scratch`, so no two can meet on a port."""
    transport = {"transport": "ipc", "ip": str(scratch / "ipc")} if os.name == "posix" else {}
    manager = AsyncKernelManager(kernel_name="python3", connection_file=str(scratch / "kernel.json"), **transport)
    manager.provisioner = PageProvisioner(parent=manager, kernel_spec=manager.kernel_spec, scratch=scratch, **provision)
    return manager


def run_kernel(connection_file: str, preload: Sequence[str], memory_limit: int, seed: int) -> None:
    """Be the kernel: the one thing that a page's process does."""
    _speak_last_words()
    _limit_memory(memory_limit)
    import_all(preload)  # done already in a forked process; a fresh one is to behave the same
    sys.path.insert(0, "")  # the page's folder, as in any notebook; the interpreter was started without
    install_from_environment()
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    # Not captured from the file descriptors: that is done by a thread, which may come after the cell has ended.
    options = ["--IPKernelApp.capture_fd_output=False", "--HistoryManager.hist_file=:memory:", "--log-level=CRITICAL"]
    app.initialize(["-f", connection_file, *options])
    if "matplotlib.pyplot" in sys.modules:  # imported before there was a shell to tell of figures
        app.shell.enable_matplotlib("inline")
    _seed_at_first_cell(app.shell, seed)
    app.start()


def _speak_last_words() -> None:
    """Have a crash, or the signal that goes before a kill, write to standard error where the page's code is."""
    faulthandler.enable(all_threads=False)
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, all_threads=False)


def _limit_memory(megabytes: int) -> None:
    """Let this process's own memory grow by so much, on top of what it shares with its parent."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        status = Path("/proc/self/status").read_text()
        present = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:"))
        limit = present * 1024 + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _seed_at_first_cell(shell, seed: int) -> None:
    """Seed as late as can be: setting up draws random numbers, and so may answering the first messages."""
    def first(*_) -> None:
        shell.events.unregister("pre_run_cell", first)
        _seed(seed)

    shell.events.register("pre_run_cell", first)


def _seed(seed: int) -> None:
    """Make random numbers the same in every run."""
    random.seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)
    elif "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)


if __name__ == "__main__":
    run_kernel(**json.loads(sys.argv[1]))
