"""Warm processes: each is forked from one server process that has already imported what they need.

The server imports, listens on a Unix socket, and never runs anything else: a library that has started threads or
run an operation does not survive a fork. Every process has its own connection. It carries the request in, and the
exit status back; when the client goes away, even by ``kill -9``, the server sees the connection close and kills that
process with its descendants. The server itself ends when its standard input, held open by its owner, is closed.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

AVAILABLE = hasattr(os, "fork") and sys.platform == "linux"  # macOS frameworks do not survive a fork


class ForkServer:
    """A process that has imported `preload`, and forks one process a request.

    Parameters
    ----------
    preload : sequence of str
        Modules to import before the first fork, or ``"module:function"`` to call. What is not installed is passed over.
    env : mapping
        The server's environment, for what libraries read while they are imported.
    """

    def __init__(self, preload: Sequence[str], env: Mapping[str, str]):
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self.address = os.path.join(self._folder.name, "server")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            listener.listen(64)  # from here on clients may call; they wait until the imports are done
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sitekit.forkserver", str(listener.fileno()), *preload],
                stdin=subprocess.PIPE, env={**env, "PYTHONPATH": own_path(env)}, pass_fds=[listener.fileno()],
            )

    def close(self) -> None:
        """End the server, and with it every process that it forked."""
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


class Forked:
    """A process forked by the server at `address`; the part of ``subprocess.Popen``'s interface that is needed.

    Parameters
    ----------
    address : str
        Where the server listens.
    target : str
        ``"module:function"`` to call, in the new process.
    arguments : mapping
        The function's keyword arguments (JSON).
    cwd, env
        The new process's working folder and whole environment.
    stdout, stderr : int
        File descriptors.
    """

    stdin = stdout = stderr = None

    def __init__(self, address: str, target: str, arguments: Mapping, *, cwd, env: Mapping, stdout: int, stderr: int):
        self.returncode: int | None = None
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(address)
        request = {"target": target, "arguments": dict(arguments), "cwd": str(cwd), "env": dict(env)}
        socket.send_fds(self._socket, [b"\n"], [stdout, stderr])
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        self._lines = self._socket.makefile("rb")
        reply = self._lines.readline()
        if not reply:
            raise RuntimeError("the warm process ended before it could start a page; its last words are above")
        self.pid = int(reply)

    def poll(self) -> int | None:
        """The exit status; None while the process runs."""
        if self.returncode is None and select.select([self._socket], [], [], 0)[0]:
            self.returncode = int(self._lines.readline() or -signal.SIGKILL)  # no line: the server was killed
            self._socket.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit status."""
        if self.returncode is None and not select.select([self._socket], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a forked process", timeout)
        return self.poll()

    def send_signal(self, signum: int) -> None:
        """Send a signal to the process and its descendants."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signum)

    def kill(self) -> None:
        """Kill the process and its descendants."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the process and its descendants to end."""
        self.send_signal(signal.SIGTERM)


def own_path(env: Mapping[str, str]) -> str:
    """A PYTHONPATH on which this package is found, whatever made it importable here."""
    here = Path(__file__).parents[1]
    installed = here.name == "site-packages"  # found without help, and it must not come before the standard library
    return os.pathsep.join([*([] if installed else [str(here)]), *filter(None, [env.get("PYTHONPATH")])])


# The server's side


def serve(listener: socket.socket, preload: Sequence[str]) -> None:
    """Import `preload`, then fork on request until standard input closes."""
    import_all(preload)
    gc.collect()
    gc.freeze()  # keep the collector from touching, and so copying, the pages that the children share
    wake_up, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, socket.socket] = {}  # by process id
    selector = selectors.DefaultSelector()
    for source in (listener, wake_up, sys.stdin):
        selector.register(source, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                for pid in children:
                    _kill(pid)
                return
            if key.fileobj is wake_up:
                wake_up.recv(4096)
                _report_ended(children, selector)
            elif key.fileobj is listener:
                connection, _ = listener.accept()
                pid = _fork(connection)
                if pid:
                    children[pid] = connection
                    selector.register(connection, selectors.EVENT_READ, data=pid)
            elif key.data in children:  # a client speaks once only: this is its end
                selector.unregister(key.fileobj)
                _kill(key.data)


def import_all(preload: Sequence[str]) -> None:
    """Import modules, or call ``"module:function"``; what is not installed is passed over."""
    for item in preload:
        name, _, function = item.partition(":")
        if importlib.util.find_spec(name.partition(".")[0]):
            module = importlib.import_module(name)
            if function:
                getattr(module, function)()


def _fork(connection: socket.socket) -> int | None:
    """Read one request and fork; return the child's id, or None when the client went away before it had asked."""
    try:
        _, streams, _, _ = socket.recv_fds(connection, 1, 2)
        request = json.loads(connection.makefile("rb").readline())
    except (OSError, ValueError):
        connection.close()
        return None
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _run_and_exit(request, streams, parent)
    for stream in streams:
        os.close(stream)
    with contextlib.suppress(OSError):  # a client that has gone is noticed by its closed connection
        connection.sendall(b"%d\n" % pid)
    return pid


def _run_and_exit(request: dict, streams: Sequence[int], parent: int) -> None:
    """Become what was asked for; never return."""
    status = 1
    try:
        os.setsid()
        _die_with(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(streams[0], 1)
        os.dup2(streams[1], 2)
        os.environ.clear()
        os.environ.update(request["env"])
        time.tzset()
        os.chdir(request["cwd"])
        module, _, name = request["target"].partition(":")
        returned = getattr(importlib.import_module(module), name)(**request["arguments"])
        status = returned if isinstance(returned, int) else 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        if isinstance(exit_.code, str):
            print(exit_.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the server dies, however that happens."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def _report_ended(children: dict[int, socket.socket], selector: selectors.BaseSelector) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        connection = children.pop(pid)
        with contextlib.suppress(KeyError):
            selector.unregister(connection)
        with contextlib.suppress(OSError):
            connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        connection.close()


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # it may not have become a group's leader yet
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the build, which then closes our standard input
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
