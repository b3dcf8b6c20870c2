"""The finished site as a reader gets it: served on this machine as a host does, and the browser that looks at it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The first is the same engine without a screen: it opens a window in half the time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """The path of a Chromium: the one named in ``CHROMIUM``, or one that is installed; None if there is none."""
    return next((path for name in (os.environ.get("CHROMIUM"), *BROWSERS) if name and (path := shutil.which(name))), None)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a built site, compressed, with its own page for a wrong address; give its address, without a slash at the end."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    site = Starlette(routes=[Mount("/", StaticFiles(directory=folder, html=True))], middleware=[Middleware(GZipMiddleware)])
    server = uvicorn.Server(uvicorn.Config(site, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError(f"could not serve {folder} on this machine")
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
