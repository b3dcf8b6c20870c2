"""One style sheet for the site: the themes', the extensions' and ours in their order, without the rules that no page uses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import lightningcss

FILENAME = "site.css"
FIRST = ("basic.css", "styles/pydata-sphinx-theme.css")  # what the theme's template would link before all others
SEARCHED = {".html": re.compile(r"""\b(?:class|id)=["']([^"']*)["']"""), ".js": re.compile(r"([\w -]+)")}
"""Kind of file -> where in it names of classes may stand. A script may make any of its words one."""


def named_in(files: Iterable[Path]) -> set[str]:
    """All that may be a class or an id in these pages and scripts."""
    return {word for path in files for found in SEARCHED[path.suffix].findall(path.read_text(encoding="utf-8")) for word in found.split()}


def without_unused(css: str, names: set[str]) -> str:
    """Minify, and leave out the rules for classes that are not among the names."""
    unused = set(re.findall(r"\.(-?[A-Za-z_][\w-]*)", css)) - names
    return lightningcss.process_stylesheet(css, filename=FILENAME, unused_symbols=unused, minify=True)


def _replace(app, pagename, templatename, context, doctree) -> None:
    """Link one file instead of those that the themes and extensions ask for."""
    in_order = sorted(context["css_files"], key=lambda style: style.priority)  # as Sphinx would link them
    app.sitekit_styles = [str(style.filename).removeprefix("_static/") for style in in_order]
    context["stylesheet"] = FILENAME


def _write(app, exception) -> None:
    styles = getattr(app, "sitekit_styles", None)
    if exception is not None or not styles:
        return
    site = Path(app.outdir)
    css = "\n".join((site / "_static" / name).read_text(encoding="utf-8") for name in (*FIRST, *styles))
    scripts = [path for path in (site / "_static").rglob("*.js") if path.name != "fontawesome.js"]  # which no page links
    names = named_in([*site.rglob("*.html"), *scripts])
    (site / "_static" / FILENAME).write_text(without_unused(css, names), encoding="utf-8")


def setup(app) -> dict:
    """Come after all that adds a style sheet, and after the theme, which writes the colours of code when the build has finished."""
    app.connect("html-page-context", _replace, priority=900)
    app.connect("build-finished", _write, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
