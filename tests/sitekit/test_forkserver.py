"""Warm processes: what they inherit, and that none is left behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from sitekit.forkserver import AVAILABLE, Forked, ForkServer

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="no forking on this system")
SAY = "import os, sys; print(os.getcwd(), sorted(os.environ), 'json' in sys.modules, file=open('said', 'w'))"


@pytest.fixture
def fork(tmp_path):
    """A function that forks a process which runs a line of code."""
    with ForkServer(["json", "not_installed_anywhere"], os.environ) as server:
        def start(code, env=()):
            path = tmp_path / f"code{len(list(tmp_path.iterdir()))}.py"
            path.write_text(code)
            with open(os.devnull, "w") as null:
                streams = {"stdout": null.fileno(), "stderr": null.fileno()}
                return Forked(server.address, "runpy:run_path", {"path_name": str(path)}, cwd=tmp_path, env=dict(env), **streams)

        yield start


def gone(pid: int, within: float = 10) -> bool:
    """Whether the process ends soon."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_it_has_its_own_folder_and_environment_and_the_parents_imports(fork, tmp_path):
    assert fork(SAY, {"ONLY": "this"}).wait(30) == 0
    said = (tmp_path / "said").read_text()
    assert said.startswith(f"{tmp_path} ['ONLY") and said.rstrip().endswith("True") and "PATH" not in said


@pytest.mark.parametrize("code, status", [("raise SystemExit(7)", 7), ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
                                          ("1 / 0", 1)])
def test_exit_status(fork, code, status):
    assert fork(code).wait(30) == status


def test_kill_takes_the_descendants_along(fork, tmp_path):
    process = fork("import subprocess, pathlib, time\npathlib.Path('pid').write_text(str(subprocess.Popen(['sleep', '99']).pid))\ntime.sleep(99)",
                   {"PATH": os.environ["PATH"]})
    child = _pid_in(tmp_path / "pid")
    assert process.poll() is None
    process.kill()
    assert process.wait(10) == -signal.SIGKILL and gone(child)


def test_a_client_that_is_killed_takes_its_process_along(fork, tmp_path):
    code = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(99)"
    process = fork(code)
    pid = _pid_in(tmp_path / "pid")
    process._lines.close()
    process._socket.close()  # what the system does for a client that dies
    assert gone(pid)


def test_a_server_that_is_killed_takes_everything_along(tmp_path):
    owner = subprocess.Popen([sys.executable, "-c", OWNER], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, cwd=tmp_path)
    pids = [_pid_in(tmp_path / name) for name in ("server", "child")]
    owner.kill()
    owner.wait()
    assert all(gone(pid) for pid in pids)


OWNER = """
import os, pathlib, time
from sitekit.forkserver import Forked, ForkServer
pathlib.Path("code.py").write_text("import os, pathlib, time\\npathlib.Path('child').write_text(str(os.getpid()))\\ntime.sleep(99)")
server = ForkServer([], os.environ)
pathlib.Path("server").write_text(str(server._process.pid))
Forked(server.address, "runpy:run_path", {"path_name": "code.py"}, cwd=".", env={}, stdout=1, stderr=2).wait()
"""


def _pid_in(path) -> int:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError(f"{path} did not come")
