"""Each executed page to take away: as a notebook, outputs included, and as a script."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urljoin

import nbformat

from sitekit.scripts import as_script


def _offer(app, pagename, templatename, context, doctree) -> None:
    if pagename in getattr(app, "sitekit_pages", {}):
        context["notebook_source"], context["script_source"] = f"{pagename}.ipynb", f"{pagename}.py"


def _write(app, exception) -> None:
    if exception is not None or app.builder.name not in ("html", "dirhtml"):
        return
    sources, recipes = Path(app.outdir) / "_sources", Path(app.srcdir) / "recipes"
    for docname, notebook in getattr(app, "sitekit_pages", {}).items():
        target = sources / f"{docname}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
        address = urljoin(app.config.html_baseurl, app.builder.get_target_uri(docname))
        target.with_suffix(".py").write_text(as_script(notebook, address, recipes), encoding="utf-8")


def setup(app) -> dict:
    """Hook into the pages' context and the end of the build."""
    app.connect("html-page-context", _offer, priority=100)
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
