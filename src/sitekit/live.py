"""``make live``: serve the site, build it again when a file is saved, and reload the browser.

Two warm processes outlive the builds: one that has imported what pages need, one that has imported Sphinx and its
extensions. A build after a save is forked from the second, and its pages are forked from the first, so it starts where
an ordinary build gets to after seconds. Watching, serving and reloading are sphinx-autobuild's.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sitekit import read_configuration, settings_from
from sitekit.execution import SERVER, warm_server
from sitekit.forkserver import AVAILABLE, Forked, ForkServer

SPHINX = ("sphinx.cmd.build", "sphinx.builders.html", "myst_nb", "nbclient", "tqdm")
SAMPLE = "# Title\n\n## Part\n\nText, $x$.\n\n```python\nprint(1)\n```\n\n```{code-block} ipython3\nprint(1)\n```\n"


def warm_up() -> None:
    """Build a site of one page, so that each fork finds the lexers, patterns and templates that it needs compiled."""
    from sphinx.cmd.build import build_main

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "index.md").write_text(SAMPLE)
        theme = ["-D", "html_theme=sphinx_book_theme"] if find_spec("sphinx_book_theme") else []
        build_main(["-q", "-Q", "-C", "-D", "extensions=myst_nb", *theme, folder, f"{folder}/out"])


@dataclass(frozen=True)
class Rebuild:
    """Builds the site in a process forked from the one that has imported Sphinx."""

    confdir: str
    source: str
    sphinx: str
    pages: str

    def __call__(self, changed_paths: Sequence[Path]) -> None:
        """Build; what goes wrong is on the terminal, and the site stays as it was."""
        began = time.perf_counter()
        build = Forked(
            self.sphinx, "sitekit.__main__:build_site", {"confdir": self.confdir, "source": self.source},
            cwd=self.confdir, env={**os.environ, SERVER: self.pages}, stdout=1, stderr=2,
        )
        if build.wait() == 0 and changed_paths:
            print(f"{os.path.relpath(changed_paths[0])}: in the browser after {time.perf_counter() - began:.1f} s", flush=True)


def serve(confdir: Path, source: str, port: int) -> int:
    """Build, then serve until Ctrl-C."""
    if not AVAILABLE:
        print("sitekit live needs a system that can fork: use sphinx-autobuild instead", file=sys.stderr)
        return 1
    import uvicorn

    config = read_configuration(confdir)
    settings = settings_from(config, confdir)
    extensions = [name for name in config.get("extensions", ()) if not name.startswith("sitekit")]
    with (
        warm_server(settings) as pages,
        ForkServer([*SPHINX, *extensions, "sitekit.live:warm_up"], os.environ) as sphinx,
    ):
        rebuild = Rebuild(str(confdir), source, sphinx.address, f"{settings.key()} {pages}")
        rebuild(())
        print(f"serving on http://127.0.0.1:{port}, building again on every save; Ctrl-C ends it", flush=True)
        uvicorn.run(_application(confdir, source, port, rebuild), host="127.0.0.1", port=port, log_level="warning")
    return 0


def _application(confdir: Path, source: str, port: int, rebuild: Rebuild):
    """The web application: the site's files, each page with a script that reloads it after a build."""
    from sphinx_autobuild.filter import IgnoreFilter
    from sphinx_autobuild.middleware import JavascriptInjectorMiddleware
    from sphinx_autobuild.server import RebuildServer
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Mount, WebSocketRoute
    from starlette.staticfiles import StaticFiles

    watched = [path for path in (confdir / source, confdir / "src", confdir / "conf.py") if path.exists()]
    watcher = RebuildServer(watched, IgnoreFilter([], [r"__pycache__", r"\.part$", r"~$", r"/\.[^/]*$"]), rebuild)
    site = StaticFiles(directory=confdir / "_build" / "html", html=True, check_dir=False)
    return Starlette(
        routes=[WebSocketRoute("/websocket-reload", watcher), Mount("/", app=site)],
        middleware=[Middleware(JavascriptInjectorMiddleware, ws_url=f"127.0.0.1:{port}")],
        lifespan=watcher.lifespan,
    )
