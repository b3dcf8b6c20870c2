"""The site's search: the page that defines a term comes first, whichever page was written last.

A page says what it defines with ``{index}`` and an exclamation mark. Sphinx's search puts such main entries on top.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.search import IndexBuilder
from sphinx.util.index_entries import split_index_msg


def _entries(found) -> list[tuple[str, str, str]]:
    """A page's index entries, as the search index keeps them."""
    return sorted({(term, target or "", main) for kind, value, target, main, _ in found for term in split_index_msg(kind, value)})


def _complete(app):
    """Give the search index the entries of pages that were not written this time; Sphinx loads all else of them."""
    indexer: IndexBuilder | None = getattr(app.builder, "indexer", None)
    if indexer is not None:
        found = app.env.domains.index_domain.entries
        indexer._index_entries.update((docname, _entries(found[docname])) for docname in app.env.found_docs if docname in found)
    return []


def _rank(app, config) -> None:
    config.html_search_scorer = str(Path(__file__).with_name("scorer.js"))  # Sphinx would look for it where it was started


def setup(app) -> dict:
    """Come between the pages and the writing of the index."""
    app.connect("config-inited", _rank)
    app.connect("html-collect-pages", _complete)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
