"""scale_out.py with real processes: the rest of what its page shows, a worker that stops and addresses that are wrong."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[1] / "docs" / "recipes"

# A worker that sends itself a signal in the middle of its second epoch
STRICKEN = """
import functools, os, sys
import keras, scale_out

class Stricken(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 3):
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))

scale_out.train = functools.partial(scale_out.train, callbacks=[Stricken()])
sys.exit(scale_out.main())
"""


def start(folder, *arguments, **environment):
    inherited = {key: value for key, value in os.environ.items() if key != "JAX_ENABLE_X64"}
    return subprocess.Popen([sys.executable, *map(str, arguments)], cwd=folder, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=inherited | {"PYTHONPATH": str(RECIPES)} | environment)


@pytest.fixture(scope="module")
def free_ports():
    sys.path.insert(0, str(RECIPES))
    import scale_out

    return scale_out.free_ports


def stopped(folder, ports, process, sign, patience):
    """Send a signal to one of two workers; the other's status and words."""
    addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
    options = ["--addresses", addresses, "--patience", patience, "--epochs", 4]
    other = start(folder, RECIPES / "scale_out.py", *options, "--process", 1 - process)
    stricken = start(folder, "-c", STRICKEN, *options, "--process", process, SIGNAL=str(int(sign)))
    try:
        text = other.communicate(timeout=90)[0]
        return other.returncode, text
    finally:
        for worker in (other, stricken):
            worker.kill()
            worker.communicate()


def test_the_first_worker_is_killed(tmp_path, free_ports):
    """JAX's coordinator dies with it; then either JAX or the recipe ends the other, whichever is first."""
    status, text = stopped(tmp_path, free_ports(2), 0, signal.SIGKILL, patience=20)
    assert status in (3, -signal.SIGABRT)
    assert "training stopped: " in text or "another task died" in text


def test_a_worker_that_hangs_ends_the_others_by_its_heartbeat(tmp_path, free_ports):
    """It closes no connection, as a machine without power closes none."""
    status, text = stopped(tmp_path, free_ports(2), 1, signal.SIGSTOP, patience=8)
    assert status in (3, -signal.SIGABRT)
    assert "stopped sending heartbeats" in text or "training stopped: " in text


def test_from_a_shell_an_address_that_does_not_answer_is_one_line(tmp_path, free_ports):
    here, there = (f"127.0.0.1:{port}" for port in free_ports(2))
    worker = start(tmp_path, RECIPES / "scale_out.py", "--addresses", f"{here},{there}", "--patience", 1)
    text = worker.communicate(timeout=60)[0]
    assert worker.returncode == 2
    assert text.startswith(f"error: worker 0 waited 1 s, and worker 1 does not answer at {there} (Connection refused)")
    assert len(text.splitlines()) == 1
