"""The record of a matrix as HTML tables, for the page that draws it."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sitekit.matrix_record import DIFFERS, STOPPED, combinations, counts
from sitekit.progress import count
from sitekit.records import PACKAGES

HOLDS = '<span class="ur-claim-mark" role="img" aria-label="holds">✓</span>'


def summary(record: Mapping) -> str:
    """Backend × version: how many claims hold."""
    found = counts(record)
    rows = []
    for backend in record["backends"]:
        cells = [_counted(found[f"{version} {backend}"]) for version in record["keras"]]
        rows.append([_head(PACKAGES[backend]), *cells])
    return _table(["backend", *(f"Keras {version}" for version in record["keras"])], rows, "How many claims hold")


def _counted(counter: Counter) -> str:
    words = (DIFFERS, "differ"), (STOPPED, "not reached")
    rest = [f"{counter[outcome]} {text}" for outcome, text in words if counter[outcome]]
    return f"<td><strong>{counter['hold']}</strong> hold" + "".join(f"<br>{text}" for text in rest) + "</td>"


def by_page(record: Mapping) -> str:
    """Page × combination: a mark where all claims hold, else how many do not."""
    rows = []
    for name, page in sorted(record["pages"].items()):
        found = counts(record, [name])
        rows.append([_head(_link(name)), f"<td>{len(page['claims'])}</td>"])
        for backend in record["backends"]:
            for version in record["keras"]:
                missing = len(page["claims"]) - found[f"{version} {backend}"]["hold"]
                rows[-1].append(f"<td>{missing or HOLDS}</td>")
    for pattern, reason in record["left_out"].items():
        width = len(combinations(record)) + 1
        rows.append([_head(html.escape(pattern)), f'<td colspan="{width}">not run: {html.escape(reason)}</td>'])
    titles = [f"{PACKAGES[backend]} {_minor(version)}" for backend in record["backends"] for version in record["keras"]]
    return _table(["page", "claims", *titles], rows, "How many claims of a page do not hold; ✓ where all do")


def changes(record: Mapping) -> str:
    """What changes with the version of Keras on the backend of the reference."""
    backend, rows = record["backends"][0], []
    for name, page in sorted(record["pages"].items()):
        for finding in page["findings"]:
            on = _versions(finding["on"], backend)
            if on:
                sentence = page["claims"][finding["claim"]]
                cells = _cells(_code(sentence), _listed(on, record), _said(finding))
                rows.append([_head(_link(name)), *cells])
    titles = ["page", "claim", "Keras", "what differs"]
    return _table(titles, rows, f"On {PACKAGES[backend]}, between versions of Keras")


def reasons(record: Mapping, least: int = 3) -> str:
    """The messages that stand behind several claims, on the reference's version of Keras, most frequent first."""
    found = Counter()
    for page in record["pages"].values():
        for finding in page["findings"]:
            for backend in record["backends"]:
                if f"{record['keras'][0]} {backend}" in finding["on"]:
                    found[PACKAGES[backend], finding["outcome"], finding["message"]] += 1
    rows = [[_head(backend), *_cells(outcome, html.escape(message), str(number))]
            for (backend, outcome, message), number in found.most_common() if number >= least]
    titles = ["backend", "outcome", "message", "claims"]
    return _table(titles, rows, f"Why, with Keras {record['keras'][0]}, most frequent first")


def claims(record: Mapping) -> str:
    """Claim × backend × version, a table for each page that folds away."""
    parts = []
    for name, page in sorted(record["pages"].items()):
        differing = len({finding["claim"] for finding in page["findings"]})
        number = count(len(page["claims"]), "claim")
        said = f"{number}, {differing} with a difference" if differing else f"{number}, all hold everywhere"
        rows = [[_head(_code(sentence)), *_across(record, page, index)]
                for index, sentence in enumerate(page["claims"])]
        titles = ["claim", *(PACKAGES[backend] for backend in record["backends"])]
        table = _table(titles, rows, f"{html.escape(name)}, recorded on {page['date']}")
        parts.append(f"<details><summary><strong>{html.escape(name)}</strong>: {said}</summary>{table}</details>")
    return "\n".join(parts)


def _across(record: Mapping, page: Mapping, index: int) -> Iterable[str]:
    """A claim's cells, one a backend."""
    findings = [finding for finding in page["findings"] if finding["claim"] == index]
    for backend in record["backends"]:
        lines = [f"{_listed(on, record)}: {_said(finding)}"
                 for finding in findings if (on := _versions(finding["on"], backend))]
        yield f"<td>{'<br>'.join(lines) or HOLDS}</td>"


def _versions(on: Sequence[str], backend: str) -> list[str]:
    return [version for version, name in map(str.split, on) if name == backend]


def _listed(versions: Sequence[str], record: Mapping) -> str:
    return "every version" if len(versions) == len(record["keras"]) else ", ".join(map(_minor, versions))


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _said(finding: Mapping) -> str:
    return f"{finding['outcome']}: {html.escape(finding['message'])}"


def _link(name: str) -> str:
    return f'<a href="../{name}.html">{html.escape(name)}</a>'


def _code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _head(text: str) -> str:
    return f'<th scope="row">{text}</th>'


def _cells(*texts: str) -> list[str]:
    return [f"<td>{text}</td>" for text in texts]


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    table = f"<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    region = f"class='pst-scrollable-table-container' tabindex='0' role='region' aria-label='{caption}'"
    return f"<div {region}><table class='table ur-table'>{table}</table></div>"
