"""The site, built once with the command that readers use, served on this machine, and seen with a real browser."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = ROOT / "_build" / "html"
#: Sphinx's names of the pages that an author wrote; known before anything is built.
PAGES = sorted(str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md") if "recipes" not in path.parts)
NOTEBOOKS = [page for page in PAGES if "file_format: mystnb" in (DOCS / f"{page}.md").read_text(encoding="utf-8")]


@dataclass
class Build:
    """What the command said, and how it ended."""

    status: int
    output: str


@pytest.fixture(scope="session")
def build() -> Build:
    """Build the site as ``make html`` does: every page is run, every claim checked."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "sitekit", "html"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800,
    )
    return Build(done.returncode, done.stdout)


@pytest.fixture(scope="session")
def site(build) -> Path:
    """The folder of the built site."""
    assert build.status == 0, f"the site did not build:\n{build.output}"
    return SITE


class Handler(SimpleHTTPRequestHandler):
    """Files of the site; for a wrong address, its own page, as a host does."""

    def log_message(self, *args) -> None:
        pass

    def send_error(self, code, message=None, explain=None) -> None:
        page = Path(self.directory, "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page)


@pytest.fixture(scope="session")
def address(site) -> str:
    """Where the site is served, without a slash at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium. Without one a person's tests are skipped, but continuous integration fails."""
    found = next((path for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
                  if name and (path := shutil.which(name))), None)
    if found is None:
        reason = "no Chromium found: install it from your system's packages, or name it in CHROMIUM"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """An open page and all that went wrong while it loaded."""

    page: object
    console: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def visit(browser, address):
    """``visit("layers/lstm")`` opens a page, once for each size and scheme, and keeps it."""
    host = urlsplit(address).netloc

    @functools.cache
    def open_page(page: str, width: int = 1280, scheme: str = "light") -> Visit:
        tab = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
        seen = Visit(tab)
        tab.on("console", lambda message: seen.console.append(message.text) if message.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: seen.console.append(str(error)))
        tab.on("requestfailed", lambda request: seen.failed.append(request.url))
        tab.on("response", lambda response: seen.failed.append(f"{response.status} {response.url}") if response.status >= 400 else None)
        tab.on("request", lambda request: seen.foreign.append(request.url)
               if urlsplit(request.url).scheme in ("http", "https", "ws", "wss") and urlsplit(request.url).netloc != host else None)
        tab.goto(f"{address}/{page}.html" if "?" not in page else f"{address}/{page}", wait_until="networkidle")
        return seen

    return open_page
