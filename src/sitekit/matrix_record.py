"""The record of a matrix: what each claim of each page gave on each combination of Keras and backend."""

from __future__ import annotations

import ast
import fnmatch
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sitekit import pages
from sitekit.cache import fingerprint, write_whole
from sitekit.pages import Page

DIFFERS, STOPPED = "differs", "not reached"
COMMAND = "make matrix"
WHERE = "reference/backends.record.json"  # below the folder of the pages, beside the page that draws it


def read(path: Path) -> dict:
    """A record.

    Returns
    -------
    dict
        ``stack``: name -> version of what all combinations have; ``keras``, ``backends``: what was combined, the
        reference first; ``left_out``: pattern of page names -> why they are not run; ``pages``: page name -> ``date``,
        ``code`` (its hash), ``claims`` (their sentences, as the reference gives them) and ``findings``: each with the
        index of its ``claim``, the ``outcome``, the ``message``, and the combinations ``on`` which it was found. Where
        there is no finding, the claim holds.

    Raises
    ------
    ValueError
        If there is none, or it cannot be read.
    """
    try:
        record = json.loads(path.read_text("utf-8"))
        missing = {"stack", "keras", "backends", "left_out", "pages"} - set(record)
    except FileNotFoundError:
        raise ValueError(f"{path.name} is missing (to make it: {COMMAND})") from None
    except ValueError as error:
        raise ValueError(f"{path.name} cannot be read: {error} (to make it anew: {COMMAND})") from None
    if missing:
        raise ValueError(f"{path.name} has no {', '.join(sorted(missing))} (to make it anew: {COMMAND})")
    return record


def write(path: Path, record: Mapping) -> None:
    """Keep a record, one finding a line, so that a change of it can be read."""
    lines = [f" {json.dumps(key)}: {_dumps(value)}" for key, value in record.items() if key != "pages"]
    found = [f"  {json.dumps(name)}: {_page(page)}" for name, page in sorted(record["pages"].items())]
    write_whole(path, "{\n" + ",\n".join([*lines, ' "pages": {\n' + ",\n".join(found) + "\n }"]) + "\n}\n")


def _page(page: Mapping) -> str:
    short = [f"   {_dumps(key)}: {_dumps(page[key])}" for key in ("date", "code")]
    for key in ("claims", "findings"):
        short.append(f"   {_dumps(key)}: [\n" + ",\n".join(f"    {_dumps(item)}" for item in page[key]) + "\n   ]")
    return "{\n" + ",\n".join(short) + "\n  }"


def _dumps(value) -> str:
    return json.dumps(value, ensure_ascii=False)


def combinations(record: Mapping) -> list[str]:
    """The names of all combinations, each a version of Keras and a backend; the reference first."""
    return [f"{version} {backend}" for version in record["keras"] for backend in record["backends"]]


def counts(record: Mapping, names: Sequence[str] | None = None) -> dict[str, Counter]:
    """For each combination, how many claims ``hold``, differ, and were not reached.

    Parameters
    ----------
    record : mapping
        From :func:`read`.
    names : sequence of str, optional
        The pages that count; all of them.
    """
    chosen = [record["pages"][name] for name in (record["pages"] if names is None else names)]
    total = sum(len(page["claims"]) for page in chosen)
    found = {combination: Counter() for combination in combinations(record)}
    for page in chosen:
        for finding in page["findings"]:
            for combination in finding["on"]:
                found[combination][finding["outcome"]] += 1
    for counter in found.values():
        counter["hold"] = total - counter.total()
    return found


def everywhere(record: Mapping) -> int:
    """How many claims hold on all combinations."""
    found = record["pages"].values()
    return sum(len(page["claims"]) - len({finding["claim"] for finding in page["findings"]}) for page in found)


def fails_on(record: Mapping, name: str, sentence: str, keras: str | None = None) -> list[str]:
    """The backends on which a page's claim does not hold.

    Parameters
    ----------
    record : mapping
        From :func:`read`.
    name, sentence : str
        The page, and the claim's sentence.
    keras : str, optional
        The version of Keras; the reference's.

    Raises
    ------
    ValueError
        If the record has no such claim.
    """
    claims = record["pages"].get(name, {}).get("claims", [])
    if sentence not in claims:
        raise ValueError(f"the record has no claim {sentence!r} of {name!r} (to make it anew: {COMMAND})")
    found = {combination for finding in record["pages"][name]["findings"] for combination in finding["on"]
             if claims[finding["claim"]] == sentence}
    return [backend for backend in record["backends"] if f"{keras or record['keras'][0]} {backend}" in found]


def code_of(page: Page) -> str:
    """The hash of what of a page is run."""
    return fingerprint([list(cell) for cell in page.code])[:16]


def stale(record: Mapping, folder: Path) -> list[str]:
    """What the record says of pages that they themselves no longer say.

    Parameters
    ----------
    record : mapping
        From :func:`read`.
    folder : Path
        The folder of the pages.

    Returns
    -------
    list of str
        A line for each sentence that no claim of its page can give, with the command that makes the record anew.
    """
    lines = []
    for name, page in record["pages"].items():
        path = folder / f"{name}.md"
        patterns = list(sentences(pages.read(path, name))) if path.is_file() else []
        gone = [text for text in page["claims"] if not any(pattern.fullmatch(text) for pattern in patterns)]
        lines += [f"{name} no longer says {text!r} ({COMMAND} ARGS=docs/{name}.md)" for text in gone]
    return lines


def newer(record: Mapping, folder: Path) -> list[str]:
    """The names of the pages whose code is not what the record was made of, new ones among them."""
    found = pages_of(folder, record["left_out"])
    return [page.docname for page in found if is_new(page, record)]


def is_new(page: Page, record: Mapping) -> bool:
    """Whether the record does not have a page's code as it is."""
    return record["pages"].get(page.docname, {}).get("code") != code_of(page)


def pages_of(folder: Path, left_out: Mapping[str, str]) -> list[Page]:
    """The pages below a folder that have claims, run in the site's own environment, and are not left out."""
    found = []
    for path in sorted(folder.rglob("*.md")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name == WHERE.partition(".")[0] or any(fnmatch.fnmatch(name, pattern) for pattern in left_out):
            continue
        page = pages.read(path, name)
        if page and not page.environment and any(sentences(page)):
            found.append(page)
    return found


def sentences(page: Page | None) -> Iterator[re.Pattern]:
    """A pattern for each claim in a page's code; what is computed in a sentence matches anything."""
    for source, _ in page.code if page else ():
        for node in _nodes(source):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "claim" and node.args:
                parts = node.args[0].values if isinstance(node.args[0], ast.JoinedStr) else [node.args[0]]
                text = [re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in parts]
                yield re.compile("".join(text).strip(), re.DOTALL)


def _nodes(source: str) -> Iterator[ast.AST]:
    try:
        yield from ast.walk(ast.parse(source))
    except SyntaxError:  # a cell with a magic command
        return
