"""What a build verified: the claims in the executed pages' outputs, as a table and as a count."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective, SphinxRole

from sitekit.pages import CLAIM, claims_in
from sitekit.progress import count
from sitekit.records import PACKAGES, release, stack

STACK = ("numpy", "tensorflow", "keras")


@dataclass(frozen=True)
class Claim:
    """One sentence that a page states, and what its check measured."""

    page: str
    sentence: str
    check: str
    measured: str
    tolerance: str


def claims_of(pages: dict) -> tuple[Claim, ...]:
    """Collect the claims in the outputs of executed notebooks, in the order of the pages.

    Parameters
    ----------
    pages : dict
        Page name -> executed notebook.
    """
    return tuple(
        Claim(page=page, **{key: str(bundle.get(key, "")) for key in ("sentence", "check", "measured", "tolerance")})
        for page in sorted(pages)
        for bundle in map(_bundle, claims_in(pages[page]))
    )


def _bundle(data) -> dict:
    """A claim as it was published, or as text, which some tools make of JSON."""
    return json.loads(data[CLAIM]) if isinstance(data[CLAIM], str) else data[CLAIM]


def versions() -> dict[str, str]:
    """Name -> version of what the claims were checked on."""
    found = {PACKAGES[package]: number for package in STACK if (number := release(package))}
    return {"Python": platform.python_version(), **found}


def counted(claims: tuple[Claim, ...]) -> str:
    """Say how many claims there are on how many pages.

    >>> counted(())
    '0 claims on 0 pages'
    """
    pages = len({claim.page for claim in claims})
    return f"{count(len(claims), 'claim')} on {count(pages, 'page')}"


class VerifiedDirective(SphinxDirective):
    """``{verified}``: the versions, and a table of each page's claims."""

    def run(self) -> list[nodes.Node]:
        """Build the list of versions and the tables."""
        _note_use(self.env)
        claims = self.env.verified_claims
        stack = ", ".join(f"{name} {number}" for name, number in self.env.verified_versions.items())
        found: list[nodes.Node] = [
            nodes.paragraph("", "", nodes.strong("", counted(claims)), nodes.Text(f", checked on {stack}."))
        ]
        for page in dict.fromkeys(claim.page for claim in claims):
            found += self._page(page, [claim for claim in claims if claim.page == page])
        return found

    def _page(self, page: str, claims: list[Claim]) -> list[nodes.Node]:
        link = addnodes.pending_xref(
            "", nodes.inline("", page), refdomain="std", reftype="doc", reftarget=f"/{page}",
            refdoc=self.env.docname, refexplicit=False, refwarn=True,
        )
        heading = nodes.rubric("", "", link, ids=[nodes.make_id(f"claims-{page}")])
        rows = [(claim.sentence, claim.measured, claim.tolerance) for claim in claims]
        if recorded := self.env.verified_records.get(page):
            heading += nodes.inline("", f", recorded with {recorded}", classes=["ur-recorded"])
        return [heading, _table(("Sentence", "Measured", "Tolerance"), (52, 30, 18), rows)]


class CountRole(SphinxRole):
    """``{verified-count}`x```: "12 claims on 3 pages", for a sentence of the author's."""

    def run(self):
        """Return the count as text."""
        _note_use(self.env)
        return [nodes.Text(counted(self.env.verified_claims))], []


def _table(titles, widths, rows) -> nodes.table:
    group = nodes.tgroup(cols=len(titles))
    group += [nodes.colspec(colwidth=width) for width in widths]
    group += nodes.thead("", _row(titles))
    group += nodes.tbody("", *(_row(row) for row in rows))
    return nodes.table("", group, classes=["ur-verified", "colwidths-given"])


def _row(cells) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *_inline(text))) for text in cells))


def _inline(text: str) -> list[nodes.Node]:
    # Sentences may hold `code`; every second piece between backticks is that.
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return [nodes.Text(text)]
    return [nodes.literal("", piece) if odd % 2 else nodes.Text(piece) for odd, piece in enumerate(pieces) if piece]


def _note_use(env) -> None:
    env.metadata[env.docname]["shows_claims"] = True


def _collect(app, env, added, changed, removed) -> list[str]:
    """Keep the claims where the directive finds them; have the pages that show them read again if one changed."""
    results = getattr(app, "sitekit_results", {}).items()
    now = {
        "verified_claims": claims_of(getattr(app, "sitekit_pages", {})),
        "verified_versions": versions(),
        "verified_records": {docname: stack(result.record) for docname, result in results if result.record},
    }
    if all(getattr(env, name, None) == value for name, value in now.items()):
        return []
    for name, value in now.items():
        setattr(env, name, value)
    return [docname for docname, data in env.metadata.items() if "shows_claims" in data and docname not in removed]


def setup(app) -> dict:
    """Register the directive and the role."""
    app.add_directive("verified", VerifiedDirective)
    app.add_role("verified-count", CountRole())
    app.connect("env-get-outdated", _collect)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
