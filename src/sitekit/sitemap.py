"""The sitemap of an incremental build: sphinx-sitemap lists the pages that were written, this adds those that stayed."""

from __future__ import annotations

import queue
from fnmatch import fnmatch


def _complete(app, exception) -> None:
    links = getattr(app, "sitemap_links", None)
    if exception is not None or links is None or app.builder.format != "html":
        return
    known = {f"{docname}{app.builder.out_suffix}": None for docname in app.env.found_docs}
    try:
        while True:
            link, changed = links.get_nowait()
            known[link] = changed
    except queue.Empty:
        pass
    for link in sorted(known):
        if not any(fnmatch(link, pattern) for pattern in app.config.sitemap_excludes):
            links.put((link, known[link]))


def setup(app) -> dict:
    """Come before sphinx-sitemap, which writes the file when the build has finished."""
    app.setup_extension("sphinx_sitemap")
    app.connect("build-finished", _complete, priority=400)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
