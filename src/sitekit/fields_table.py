"""``{fields-table}``: the package's table of names on a page, symbols in their colours."""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from sitekit.mathml import COLOUR_MACROS

_MACRO_OF = {colour: macro for macro, colour in COLOUR_MACROS.items()}
TITLES = ("Symbol", "Name", "What it is", "In the kernel")
WIDTHS = (11, 21, 50, 18)


class FieldsTable(SphinxDirective):
    """A table for each kind of layer, or for the one that ``:kind:`` names."""

    option_spec = {"kind": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Build the tables from ``unrolled.fields``."""
        from unrolled import fields

        self.env.note_dependency(fields.__file__)
        kinds = dict.fromkeys(field.kind for field in fields.FIELDS)
        chosen = [self.options["kind"]] if "kind" in self.options else list(kinds)
        if not set(chosen) <= set(kinds):
            raise self.error(f"kind is {chosen[0]!r}, but there are only {', '.join(kinds)}")
        return [_table(kind, fields.fields_of(kind)) for kind in chosen]


def _table(kind: str, fields) -> nodes.table:
    group = nodes.tgroup(cols=len(TITLES))
    group += [nodes.colspec(colwidth=width) for width in WIDTHS]
    group += nodes.thead("", _row(*(nodes.Text(title) for title in TITLES)))
    group += nodes.tbody("", *(_field(field) for field in fields))
    return nodes.table("", nodes.title("", kind), group, classes=["ur-fields", "colwidths-given"])


def _field(field) -> nodes.row:
    symbol = rf"\{_MACRO_OF[field.colour]}{{{field.symbol}_t}}"
    columns = nodes.literal("", f"[{field.keras_slice}]") if field.keras_slice else nodes.Text("—")
    return _row(nodes.math(symbol, symbol), nodes.literal("", field.name), nodes.Text(field.meaning), columns)


def _row(*cells: nodes.Node) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


def setup(app) -> dict:
    """Register the directive."""
    app.add_directive("fields-table", FieldsTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
