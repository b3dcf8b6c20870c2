"""A page's code as one script that runs alone: its cells in their order, under the page's headings as comments."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from nbformat import NotebookNode

RECIPES = 'sys.path.insert(0, "../recipes")'  # how a page reaches the files that it gives away
GLUE = "from myst_nb import glue"  # numbers for the page's prose, of which a script has none

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*$", re.M)
_FENCED = re.compile(r"^(`{3,}|:{3,})[^\n]*\n.*?^\1\s*$", re.M | re.S)
_IMPORT = re.compile(r"^(?:import|from) (\w+)", re.M)


def as_script(notebook: NotebookNode, address: str, recipes: Path) -> str:
    """Write a page's code as one script.

    Parameters
    ----------
    notebook : NotebookNode
        The page.
    address : str
        Where the page is published; named in the script's first lines.
    recipes : Path
        The folder of the recipes. Those that the page imports become part of the script.
    """
    parts: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts += [f"# %% {title}" for _, title in _HEADING.findall(_FENCED.sub("", cell.source))]
        elif cell.cell_type == "code" and cell.source.strip():
            parts.append(_alone(cell.source.strip(), notebook, recipes))
    title = parts.pop(0).removeprefix("# %% ") if parts and parts[0].startswith("# %%") else address
    head = f"# {title}\n# The code of {address}, which shows and checks what it gives."
    return "\n\n".join([head, *parts]) + "\n"


def _alone(source: str, notebook: NotebookNode, recipes: Path) -> str:
    """A cell's code without what only the site has around it."""
    source = source.replace(GLUE, "def glue(*numbers, **options):\n    \"\"\"Numbers for the page's prose.\"\"\"\n")
    if RECIPES not in source:
        return source
    names = {name for cell in notebook.cells if cell.cell_type == "code" for name in _IMPORT.findall(cell.source)}
    files = [path for path in sorted(recipes.glob("*.py")) if path.stem in names]
    lines = ["import pathlib", "import tempfile", "", "recipes = tempfile.mkdtemp()  # the site's files that this script imports"]
    lines += [f'pathlib.Path(recipes, "{path.name}").write_text({_literal(path.read_text(encoding="utf-8"))})' for path in files]
    return source.replace(RECIPES, "\n".join([*lines, "sys.path.insert(0, recipes)"]))


def _literal(text: str) -> str:
    """A text as Python, in several lines where that is the same text."""
    lines = f"r'''{text}'''"
    try:
        same = ast.literal_eval(lines) == text
    except SyntaxError:
        same = False
    return lines if same else repr(text)
