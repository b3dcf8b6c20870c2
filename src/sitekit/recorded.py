"""Sphinx extension: a page that shows recorded outputs says so below its title, with the versions and the day."""

from __future__ import annotations

from docutils import nodes

from sitekit import records


def _note(app, doctree) -> None:
    result = getattr(app, "sitekit_results", {}).get(app.env.docname)
    title = next(doctree.findall(nodes.title), None)
    if result is None or result.record is None or title is None:
        return
    text = f"Recorded on {result.record['date']} with {records.stack(result.record)}: this build shows what these gave."
    title.parent.insert(title.parent.index(title) + 1, nodes.paragraph("", text, classes=["ur-recorded"]))


def setup(app) -> dict:
    """Hook into the reading of pages."""
    app.connect("doctree-read", _note)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
