"""Formulas as MathML, made while the site is built: nothing to load, nothing to run in the reader's browser."""

from __future__ import annotations

import re
from functools import cache

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

#: What an author writes -> the entry of the palette it is coloured with.
COLOUR_MACROS = {
    "forget": "forget",
    "inputg": "input",
    "outputg": "output",
    "resetg": "reset",
    "updateg": "update",
    "cand": "candidate",
    "cell": "cell",
    "hidden": "hidden",
}

# math-core knows fixed colours only, a page needs one that follows light and dark. So each macro
# gets a colour that nobody writes, and that colour is then replaced by the palette's variable.
_MARKS = {f"#F0F0{index:02X}": name for index, name in enumerate(COLOUR_MACROS.values(), 1)}
_MARKED = re.compile("color:(" + "|".join(_MARKS) + ");")

_NUMBERED = re.compile(r"\\(begin|end)\{(align|equation|gather|alignat|multline)\}")


@cache
def _converter() -> LatexToMathML:
    macros = {
        macro: rf"{{\color[HTML]{{{mark[1:]}}}#1}}"
        for macro, mark in zip(COLOUR_MACROS, _MARKS, strict=True)
    }
    return LatexToMathML(macros=macros, fancy_error=False)


def to_mathml(latex: str, *, display: bool = False) -> str:
    r"""Write a LaTeX formula as MathML.

    Parameters
    ----------
    latex : str
        The formula, without dollar signs. ``\forget{f_t}`` and its like colour what they hold.
    display : bool
        Whether it stands on a line of its own. Lines parted by ``\\`` are then aligned at ``&``.

    Raises
    ------
    ValueError
        If it cannot be read; the message says what, and at which character.
    """
    if display:
        latex = _aligned(latex)
    try:
        found = _converter().convert_with_local_state(latex, displaystyle=display)
    except LatexError as error:
        raise ValueError(f"cannot read the formula {latex.strip()!r}: {error}") from error
    return _MARKED.sub(lambda mark: f"color:var(--ur-{_MARKS[mark[1]]});", found)


def _aligned(latex: str) -> str:
    # Sphinx numbers equations itself, so the numbering environments of LaTeX give way to their
    # starred forms; and like Sphinx's other renderers, a bare `a &= b \\ c &= d` is aligned.
    latex = _NUMBERED.sub(r"\\\1{\2*}", latex.strip()).replace("{split}", "{aligned}")
    if r"\begin{" not in latex and r"\\" in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    return latex


def _render(node: nodes.Node, *, display: bool) -> str:
    try:
        return to_mathml(node.astext(), display=display)
    except ValueError as error:
        logger.warning("%s", error, location=node, type="sitekit", subtype="math")
        return nodes.literal("", node.astext()).astext().replace("&", "&amp;").replace("<", "&lt;")


def visit_inline(translator, node) -> None:
    """Write an inline formula."""
    formula = _render(node, display=False)
    translator.body.append(f'<span class="math notranslate nohighlight">{formula}</span>')
    raise nodes.SkipNode


def visit_block(translator, node) -> None:
    """Write a formula on its own line, with its number if it has one."""
    body = translator.body
    body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    body.append(f'<div class="ur-equation" tabindex="0">{_render(node, display=True)}</div>')
    if node.get("number"):
        body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, _("Link to this equation"))
        body.append("</span>")
    body.append("</div>\n")
    raise nodes.SkipNode


def setup(app) -> dict:
    """Offer the renderer to Sphinx; ``html_math_renderer = "mathml"`` chooses it."""
    app.add_html_math_renderer(
        "mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None)
    )
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
