"""Each executed page as a notebook to download, outputs included, whether it ran or came from the cache."""

from __future__ import annotations

from pathlib import Path

import nbformat


def _offer(app, pagename, templatename, context, doctree) -> None:
    # The theme shows a button for `_sources/<ipynb_source>` when this name is set.
    if pagename in getattr(app, "sitekit_pages", {}):
        context["ipynb_source"] = f"{pagename}.ipynb"


def _write(app, exception) -> None:
    if exception is not None or app.builder.name not in ("html", "dirhtml"):
        return
    for docname, notebook in getattr(app, "sitekit_pages", {}).items():
        target = Path(app.outdir) / "_sources" / f"{docname}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)


def setup(app) -> dict:
    """Hook into the pages' context and the end of the build."""
    app.connect("html-page-context", _offer, priority=100)
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
