"""Pages that hold code: reading them, and giving their results to MyST-NB."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from myst_nb._compat import get_env_app
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader, read_myst_markdown_notebook
from myst_nb.sphinx_ import Parser
from myst_parser.config.main import MdParserConfig
from nbformat import NotebookNode
from nbformat.v4 import nbbase

CLAIM = "application/vnd.unrolled.claim+json"
RUN_TAGS = ("raises-exception", "allow-stderr", "skip-execution")  # all other metadata is about looks


@dataclass(frozen=True)
class Page:
    """A page with code, not yet run: its name, where it is, and its cells."""

    docname: str
    path: Path
    notebook: NotebookNode
    text: str

    @property
    def environment(self) -> str:
        """The name of the environment that the page needs, as its front matter says; "" for the site's own."""
        return self.notebook.metadata.get("sitekit", {}).get("environment", "")

    @property
    def code(self) -> list[tuple[str, list[str]]]:
        """What of the page is executed: each code cell's source, with the tags that bear on running it."""
        return code_of(self.notebook)

    @property
    def first(self) -> int:
        """The index of the first code cell, where what is wrong with a page as a whole is told."""
        return next(index for index, cell in enumerate(self.notebook.cells) if cell.cell_type == "code")

    def line(self, index: int, offset: int = 1) -> int:
        """The page's line, from 1, of the line `offset` of the cell `index`."""
        cell = self.notebook.cells[index]
        start = (self.notebook.metadata.get("source_map") or [0] * (index + 1))[index]
        lines, source = self.text.splitlines(), cell.source.splitlines()
        for first in range(start, len(lines)):  # a cell's options come before its code
            if lines[first : first + len(source)] == source:
                return first + offset
        return start + 1


def code_of(notebook: NotebookNode) -> list[tuple[str, list[str]]]:
    """The code cells' sources, and the tags that bear on running them."""
    return [
        (cell.source, [tag for tag in RUN_TAGS if tag in cell.metadata.get("tags", ())])
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def read(path: Path, docname: str, markdown: MdParserConfig | None = None,
         notebooks: NbParserConfig | None = None) -> Page | None:
    """Read a page; None if it holds no code to run.

    Parameters
    ----------
    path : Path
        A MyST Markdown file, or a notebook in another format that MyST-NB is configured for.
    docname : str
        Its Sphinx name.
    markdown, notebooks
        The project's configuration of MyST and of MyST-NB.
    """
    text = path.read_text("utf-8")
    reader = create_nb_reader(str(path), markdown or MdParserConfig(), notebooks or NbParserConfig(), text)
    if reader is None:
        return None
    with _unvalidated():
        notebook = reader.read(text)
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index}"  # a random one would make every build differ
    runs = notebook.metadata.get("mystnb", {}).get("execution_mode") != "off"
    page = Page(docname, path, notebook, text)
    return page if runs and any(source.strip() for source, _ in page.code) else None


def with_outputs(text: str, executed: NotebookNode, path: str, config: MdParserConfig | None = None) -> NotebookNode:
    """Read a page's text as MyST-NB would, with the outputs of its executed notebook in place.

    Parameters
    ----------
    text : str
        The page as Sphinx read it.
    executed : NotebookNode
        The same page's notebook after it ran.
    path : str
        Where the page is.
    config : MdParserConfig
        The project's configuration of MyST.
    """
    if not path.endswith(".md"):
        notebook = nbformat.from_dict(executed)
    else:
        with _unvalidated():
            notebook = read_myst_markdown_notebook(text, config, add_source_map=True, path=path)
    if code_of(notebook) != code_of(executed):
        raise SystemExit(f"{path} changed while it was being built; build it again")
    outputs = iter([cell for cell in executed.cells if cell.cell_type == "code"])
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index}"
        if cell.cell_type == "code":
            ran = next(outputs)
            cell.execution_count, cell.outputs = ran.execution_count, [_shown(output) for output in ran.outputs]
    for key in ("language_info", "widgets"):
        if key in executed.metadata:
            notebook.metadata[key] = executed.metadata[key]
    return notebook


@contextlib.contextmanager
def _unvalidated() -> Iterator[None]:
    """Have nbformat make cells without checking each against its schema, which is three quarters of reading a page."""
    check, nbbase.validate = nbbase.validate, lambda node, ref=None: None
    try:
        yield
    finally:
        nbbase.validate = check


def _shown(output: NotebookNode) -> NotebookNode:
    """A copy, as MyST-NB merges streams in place, without what is for tools only, which it would warn it cannot show."""
    output = copy.deepcopy(output)
    output.get("data", {}).pop(CLAIM, None)
    return output


def outputs_in(notebook: NotebookNode) -> list[NotebookNode]:
    """All outputs of all cells."""
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def claims_in(notebook: NotebookNode) -> list[NotebookNode]:
    """The data of each output that shows a claim: text, HTML, and the claim itself under `CLAIM`."""
    return [output.data for output in outputs_in(notebook) if CLAIM in output.get("data", {})]


class ExecutedParser(Parser):
    """MyST-NB's parser, for which an executed page is a custom format whose reader brings the outputs along."""

    def parse(self, inputstring: str, document) -> None:
        """Parse one page."""
        env = document.settings.env
        executed = get_env_app(env).sitekit_pages.get(env.docname)
        if executed is None or document.current_source.endswith("<translated>"):
            return super().parse(inputstring, document)
        path = str(env.doc2path(env.docname))
        reader = ["sitekit.pages.with_outputs", {"executed": executed, "path": path, "config": env.myst_config}, False]
        configured = env.mystnb_config
        env.mystnb_config = configured.copy(custom_formats={Path(path).suffix: reader}, execution_mode="off")
        try:
            super().parse(inputstring, document)
        finally:
            env.mystnb_config = configured
