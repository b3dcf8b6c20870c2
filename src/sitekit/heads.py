"""What the head of each page says: its description, a policy for what may be loaded, fonts needed at once, scripts that can wait."""

from __future__ import annotations

from docutils import nodes
from markupsafe import escape
from sphinxext import opengraph

#: Nothing from another host, no script but our files. Formulas and figures bring styles of their own.
POLICY = "; ".join([
    "default-src 'self'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data:", "object-src 'none'",
    "base-uri 'self'", "form-action 'self'",
])
TEXT_FONTS = ("text.woff2", "code.woff2")
OTHER_FONTS = {"text-italic.woff2": (nodes.emphasis,), "unrolled-math.woff2": (nodes.math, nodes.math_block)}
"""Font -> what a page has to hold to need it."""

_first_sentences = opengraph.get_description


def _describe(doctree, length, titles) -> str:
    """The front matter's sentence, which its author meant for this; without one, the first lines of the page."""
    return doctree.get("description") or _first_sentences(doctree, length, titles)


def _fill(app, pagename, templatename, context, doctree) -> None:
    context["content_security_policy"], context["preloaded_fonts"] = POLICY, TEXT_FONTS
    if doctree is None:
        return
    needed = [font for font, kinds in OTHER_FONTS.items() if doctree.next_node(lambda node: isinstance(node, kinds))]
    context["preloaded_fonts"] = (*TEXT_FONTS, *needed)
    if description := app.env.metadata[pagename].get("description"):
        doctree["description"] = description
        context["metatags"] += f'<meta name="description" content="{escape(description)}">'
    context["markdown_source"] = context.get("sourcename")
    context["checked_with"] = ", ".join(f"{name} {number}" for name, number in getattr(app.env, "verified_versions", {}).items())


def _lighten_scripts(app, pagename, templatename, context, doctree) -> None:
    """The theme's two inline scripts go: for a switch of versions, and a search while typing, both unused here. The rest can wait."""
    named = [script for script in context["script_files"] if getattr(script, "filename", None)]
    if pagename != "search":  # whose scripts in the text call those in the head
        named = [type(script)(script.filename, priority=script.priority, **{"defer": "defer", **script.attributes}) for script in named]
    context["script_files"] = named


def setup(app) -> dict:
    """Fill in before sphinxext-opengraph reads the description; look at the scripts after the themes have added theirs."""
    app.setup_extension("sphinxext.opengraph")
    opengraph.get_description = _describe  # it has no setting to take the description from
    app.connect("html-page-context", _fill, priority=499)
    app.connect("html-page-context", _lighten_scripts, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
