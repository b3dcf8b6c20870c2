"""The live site: a save is in the browser soon, and a page that fails leaves the site as it was."""

import signal
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from sitekit.forkserver import AVAILABLE

from .conftest import environment, page

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="no forking on this system")


def wait_for(found, seconds=60):
    """The first true answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not come")


@pytest.fixture
def live(project):
    """A project that is served, and the function that fetches a page of it."""
    project.write("docs/a.md", page("print('VALUE', 1)"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "sitekit", "live", "--port", str(port)], cwd=project.root, env=environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def fetch(name):
        try:
            with urlopen(f"http://127.0.0.1:{port}/{name}") as answer:
                return answer.read().decode()
        except URLError:
            return ""

    fetch.port = port
    wait_for(lambda: "VALUE 1" in fetch("a.html"))
    yield project, fetch
    server.send_signal(signal.SIGINT)
    said, _ = server.communicate(timeout=30)
    assert "building again on every save" in said and server.returncode in (0, -signal.SIGINT, 130), said


def test_a_save_reaches_the_browser(live):
    from websockets.sync.client import connect

    project, fetch = live
    assert "websocket-reload" in fetch("a.html")  # the script that reloads the page
    with connect(f"ws://127.0.0.1:{fetch.port}/websocket-reload") as browser:
        time.sleep(0.5)
        project.write("docs/a.md", page("print('VALUE', 2)"))
        assert browser.recv(timeout=60) == "refresh"
        assert "VALUE 2" in fetch("a.html")


def test_a_page_that_fails_leaves_the_site_until_it_is_mended(live):
    project, fetch = live
    project.write("docs/a.md", page("1 / 0"))
    project.write("docs/b.md", page("print('OTHER')"))
    time.sleep(3)
    assert "VALUE 1" in fetch("a.html") and "OTHER" not in fetch("b.html")
    project.write("docs/a.md", page("print('VALUE', 3)"))
    wait_for(lambda: "VALUE 3" in fetch("a.html") and "OTHER" in fetch("b.html"))
