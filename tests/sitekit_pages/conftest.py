"""A small Sphinx project to build in a moment, with executed pages as the engine would leave them."""

from __future__ import annotations

import io
from pathlib import Path

import nbformat
import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

CLAIM = "application/vnd.unrolled.claim+json"


def notebook(*claims: dict) -> nbformat.NotebookNode:
    """An executed notebook with one cell, whose outputs are a printed line and these claims."""
    outputs = [nbformat.v4.new_output("stream", text="hello\n")]
    outputs += [nbformat.v4.new_output("display_data", data={CLAIM: claim, "text/plain": "✓"}) for claim in claims]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("...", outputs=outputs, execution_count=1)])


class Project:
    """Files, options, executed pages; ``build()`` runs Sphinx over them, incrementally."""

    def __init__(self, folder: Path) -> None:
        self.source, self.out = folder / "docs", folder / "out"
        self.source.mkdir()
        self.pages: dict = {}
        self.extensions: list[str] = ["myst_parser"]
        self.options: dict = {"myst_enable_extensions": ["dollarmath", "amsmath"], "html_theme": "basic"}
        self.read: list[str] = []

    def write(self, **pages: str) -> None:
        for name, text in pages.items():
            (self.source / f"{name}.md").write_text(text, encoding="utf-8")

    def build(self) -> str:
        """Build, and return the warnings."""
        warnings = io.StringIO()
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                srcdir=self.source, confdir=None, outdir=self.out, doctreedir=self.out / ".doctrees", buildername="html",
                confoverrides={"extensions": self.extensions, **self.options}, status=io.StringIO(), warning=warnings,
            )
            app.sitekit_pages = self.pages
            self.read = []
            app.connect("source-read", lambda app, docname, source: self.read.append(docname))
            app.build()
        return warnings.getvalue()

    def html(self, page: str) -> str:
        return (self.out / f"{page}.html").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def executed():
    return notebook
