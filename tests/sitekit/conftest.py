"""Small projects to run and to build, without Keras: the engine does not care what is preloaded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sitekit import pages
from sitekit.execution import SERVER, Settings, executed
from sitekit.forkserver import AVAILABLE, ForkServer
from sitekit.kernels import PRELOAD

SRC = Path(__file__).parents[2] / "src"
HEAD = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n"
CONF = "extensions = ['myst_nb', 'sitekit']\nsitekit_preload = ['json']\nhtml_theme = 'basic'\nsitekit_page_timeout = 30\n"


def page(*cells, title="Title", prose="Some prose."):
    """The text of a page; a cell is its code, or (tags, code)."""
    text = f"{HEAD}# {title}\n\n{prose}\n"
    for cell in cells:
        tags, code = cell if isinstance(cell, tuple) else ("", cell)
        text += "\n```{code-cell}\n" + (f":tags: [{tags}]\n\n" if tags else "") + code.rstrip() + "\n```\n"
    return text


class Project:
    """A folder with a conf.py, a package and pages."""

    def __init__(self, root: Path, server: str | None = None):
        self.root, self.server = root, server
        self.write("conf.py", CONF)
        self.write("docs/index.md", "# Index\n\n```{toctree}\n:glob:\n\n*\n```\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, **settings):
        """Run all pages as a build would, without Sphinx: page name -> result."""
        found = sorted((self.root / "docs").rglob("*.md"))
        read = [page for path in found if (page := pages.read(path, path.stem))]
        settings = Settings(root=self.root, cache_dir=self.root / ".cache", **{"preload": [], "page_timeout": 60, "workers": 2, **settings})
        if self.server and not settings.preload:
            os.environ[SERVER] = f"{settings.key()} {self.server}"
        try:
            return executed(read, settings)
        finally:
            os.environ.pop(SERVER, None)

    def ran(self, **settings) -> set[str]:
        """The names of the pages that were run, not taken from the cache."""
        return {name for name, result in self.run(**settings).items() if not result.from_cache}

    def build(self, *command, check=True, before=()):
        """Build in a process of its own; ``html`` through the command line, otherwise plain sphinx-build."""
        command = command or ("-m", "sphinx", "-q", "-W", "--keep-going", "-c", ".", "docs", "out")
        done = subprocess.run([*before, sys.executable, *command], cwd=self.root, env=environment(), capture_output=True, text=True,
                              timeout=300)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *command):
        """Start the build, and leave it running."""
        return subprocess.Popen([sys.executable, *command], cwd=self.root, env=environment(),
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def html(self, name: str, folder: str = "out") -> str:
        """A built page."""
        return (self.root / folder / f"{name}.html").read_text()


def environment() -> dict:
    """The environment of a build."""
    return {**os.environ, "PYTHONPATH": str(SRC)}


def text_of(result) -> str:
    """All that a page's cells print or show as text."""
    shown = pages.outputs_in(result.notebook)
    return "".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in shown)


@pytest.fixture(scope="session")
def server():
    """One warm process for all tests that run pages here."""
    if not AVAILABLE:
        yield None
    else:
        with ForkServer([*PRELOAD, "numpy"], Settings(Path("/"), Path("/")).environment()) as server:
            yield server.address


@pytest.fixture
def project(tmp_path, server):
    """An empty project."""
    yield Project(tmp_path, server)
    shutil.rmtree(tmp_path, ignore_errors=True)
