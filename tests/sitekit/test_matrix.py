"""Pages on every backend and version: what fails is noted, and the page goes on; the record of it, held to the pages."""

import json
import sys
from collections import Counter

import pytest

from sitekit import matrix, matrix_record, matrix_tables, pages, tolerant
from sitekit.matrix import Cell
from sitekit.matrix_record import DIFFERS, STOPPED

from .conftest import page

PLAN = {"backends": ["tensorflow", "torch"], "keras": ["3.15.1", "3.12.4"], "left_out": {"tasks/*": "trains long"}}
CLAIMS = """import os

import numpy as np
import unrolled as ur

big = os.environ.get("BIG") == "yes"
ur.claim("One is one").equal(1, 1)
ur.claim(f"It is {'big' if big else 'small'}").at_most(5 if big else 1, 2)
ur.claim("They agree").close([1.0], [2.0] if big else [1.0])
ur.claim("It is refused").raises(ValueError, lambda: int("x" if not big else "1"))"""
STOPS = """kept = 1
ur.claim("Before it stops").holds(True)
lost = 1 // (not big)
ur.claim("After it stops").holds(lost == 1)"""


def ran(project, *cells, **env):
    """What the cells of one page gave."""
    path = project.write("docs/a.md", page(*cells))
    found = matrix.tolerant(pages.read(path, "a"))
    project.write("docs/a.md", page("pass"))
    settings = dict(root=project.root, cache_dir=project.root / ".cache", preload=[], page_timeout=60, cell_timeout=20)
    from sitekit.execution import Settings, executed

    return matrix.cells(executed([found], Settings(**settings, env=env))["a"])


def record(**pages_):
    """A record of some pages."""
    return {"stack": {"Python": "3.11"}, **PLAN, "pages": pages_}


def recorded(claims, *findings, code="c"):
    """What a record has of a page."""
    keys = "claim", "outcome", "message", "on"
    return {"date": "2026-11-24", "code": code, "claims": claims, "findings": [dict(zip(keys, finding)) for finding in findings]}


SOME = record(
    a=recorded(
        ["A `one` < two", "B"],
        (0, DIFFERS, "not <equal>", ["3.15.1 torch", "3.12.4 torch"]), (1, DIFFERS, "other", ["3.12.4 tensorflow"]),
    ),
    b=recorded(["C"], (0, STOPPED, "ValueError: no", ["3.12.4 torch"])),
)


def test_a_claim_that_fails_is_noted_and_the_cell_goes_on(project):
    [cell] = ran(project, CLAIMS, BIG="yes")
    assert cell.claims == [
        ("One is one", ""), ("It is big", "5 is more than 2"),
        ("They agree", "largest difference 1, allowed 1e-12; they first part at [0]: 1.0 and 2.0"),
        ("It is refused", "expected ValueError, but nothing was raised"),
    ] and cell.stopped == ""


def test_a_cell_that_stops_takes_the_names_it_did_not_set_with_it(project):
    later = 'ur.claim("Kept").equal(kept, 1)\nur.claim("Stale").equal(lost, 7)'
    cells = ran(project, CLAIMS, "lost = 7", STOPS, later, "chained = lost", "chained", 'ur.claim("Last").holds(True)', BIG="yes")
    reason = "ZeroDivisionError: integer division or modulo by zero"
    assert [cell.stopped for cell in cells] == ["", "", reason, reason, reason, reason, ""]
    assert [cell.claims for cell in cells[2:]] == [[("Before it stops", "")], [("Kept", "")], [], [], [("Last", "")]]


def test_a_cell_that_is_meant_to_raise_leaves_names_as_they_are(project):
    raising = ("raises-exception", "y = 1 // 0")
    assert [cell.stopped for cell in ran(project, "y = 1", raising, "print(y)")][2] == ""


def test_a_check_that_cannot_compare_is_a_difference(project):
    [cell] = ran(project, 'import unrolled as ur\nur.claim("It is text").close("a", "b")\nur.claim("Next").holds(True)')
    assert cell.claims[0][1] and cell.claims[1] == ("Next", "")


def test_a_page_whose_process_dies_reaches_nothing_more(project):
    cells = ran(project, CLAIMS, "import os; os.kill(os.getpid(), 9)", CLAIMS)
    assert len(cells[0].claims) == 4 and cells[2].claims == [] and "process ended" in cells[2].stopped


def test_claims_are_matched_by_sentence_then_by_place():
    before = [Cell("", [("A", ""), ("B 1", ""), ("C", "")])]
    other = [Cell("", [("C", "no"), ("A", ""), ("B 2", "x")])]
    assert list(matrix.compared(before, other, "jax")) == [("", ""), (DIFFERS, "x"), (DIFFERS, "no")]
    error = "KeyError: 'k'"
    assert list(matrix.compared(before, [Cell("", [("A", "")], error)], "jax")) == [("", ""), (STOPPED, error), (STOPPED, error)]
    assert list(matrix.compared(before, [Cell("", [("A", "")])], "jax"))[1] == (STOPPED, "its cell did not come to it")


@pytest.mark.parametrize("backend, reason", [("jax", matrix.TENSORFLOW_ONLY), ("tensorflow", "ValueError: no")])
def test_a_cell_of_tensorflow_is_named_so_on_other_backends(backend, reason):
    before = [Cell("tf.constant(1)", [("A", "")])]
    assert list(matrix.compared(before, [Cell("tf.constant(1)", [], "ValueError: no")], backend)) == [(STOPPED, reason)]


def test_what_differs_is_summed_over_combinations(project):
    path = project.write("docs/a.md", page("ur.claim('A')\nur.claim('B')"))
    differs = {"3.15.1 tensorflow": "", "3.15.1 torch": "x", "3.12.4 torch": "x"}
    gave = {name: [Cell("", [("A", how), ("B", "")])] for name, how in differs.items()}
    found = matrix.summed(pages.read(path, "a"), gave)
    assert found["claims"] == ["A", "B"]
    assert found["findings"] == [{"claim": 0, "outcome": DIFFERS, "message": "x", "on": ["3.15.1 torch", "3.12.4 torch"]}]


def test_messages_say_nothing_of_the_machine():
    assert tolerant.short("\x1b[31mat /tmp/x/keras/ops.py,\n  0x7f00deadbeef \x1b[0m a/b") == "at …/ops.py, 0x… a/b"
    wrapped = "ValueError: Exception encountered when calling LSTM.call().\n\nbad rate\n\nArguments received by LSTM.call():\n  • x=1"
    assert tolerant.short(wrapped) == "ValueError: bad rate"
    assert len(tolerant.short("word " * 100)) == tolerant.LENGTH


def test_pages_that_are_left_out_or_run_elsewhere_are_not_run(project):
    claim = "ur.claim('A').holds(True)"
    for name in ("a", "tasks/b", "reference/backends"):
        project.write(f"docs/{name}.md", page(claim))
    project.write("docs/none.md", page("1 + 1"))
    project.write("docs/other.md", page(claim).replace("\n---\n", "\nsitekit: {environment: parity}\n---\n", 1))
    assert [found.docname for found in matrix_record.pages_of(project.root / "docs", PLAN["left_out"])] == ["a"]


def test_a_record_is_read_as_it_was_written(tmp_path):
    matrix_record.write(tmp_path / "r.json", SOME)
    assert matrix_record.read(tmp_path / "r.json") == SOME
    assert (tmp_path / "r.json").read_text().count("\n") > 15


@pytest.mark.parametrize("text, reason", [
    (None, "r.json is missing (to make it: make matrix)"),
    ("{", "r.json cannot be read: Expecting property name"),
    ('{"pages": {}}', "r.json has no backends, keras, left_out, stack (to make it anew: make matrix)"),
])
def test_a_record_that_cannot_be_read_says_how_to_make_it(tmp_path, text, reason):
    if text is not None:
        (tmp_path / "r.json").write_text(text)
    with pytest.raises(ValueError) as error:
        matrix_record.read(tmp_path / "r.json")
    assert reason in str(error.value)


def test_counts():
    assert matrix_record.counts(SOME)["3.12.4 torch"] == Counter(hold=1, **{DIFFERS: 1, STOPPED: 1})
    assert matrix_record.counts(SOME, ["b"])["3.12.4 tensorflow"]["hold"] == 1
    assert matrix_record.everywhere(SOME) == 0


def test_where_a_claim_fails():
    assert matrix_record.fails_on(SOME, "a", "A `one` < two") == ["torch"]
    assert matrix_record.fails_on(SOME, "a", "B") == []
    assert matrix_record.fails_on(SOME, "a", "B", "3.12.4") == ["tensorflow"]
    with pytest.raises(ValueError, match=r"the record has no claim 'C' of 'a' \(to make it anew: make matrix\)"):
        matrix_record.fails_on(SOME, "a", "C")


def test_sentences_that_no_longer_stand_are_named(project):
    text = page("ur.claim('Stays').holds(True)\nur.claim(f'It is {1 + 1} now').holds(True)\nur.claim('Said '\n  'twice')")
    project.write("docs/a.md", text)
    known = record(a=recorded(["Stays", "It is 2 now", "Said twice", "Gone"]), b=recorded(["No page"]))
    assert matrix_record.stale(known, project.root / "docs") == [
        "a no longer says 'Gone' (make matrix ARGS=docs/a.md)", "b no longer says 'No page' (make matrix ARGS=docs/b.md)",
    ]


def test_pages_that_changed_since_are_named(project):
    path = project.write("docs/a.md", page("ur.claim('A').holds(True)"))
    project.write("docs/b.md", page("ur.claim('A').holds(True)"))
    known = record(a=recorded(["A"], code=matrix_record.code_of(pages.read(path, "a"))))
    assert matrix_record.newer(known, project.root / "docs") == ["b"]
    path.write_text(path.read_text().replace("Some prose", "Other prose"))
    assert matrix_record.newer(known, project.root / "docs") == ["b"]
    path.write_text(path.read_text().replace("True", "1 == 1"))
    assert matrix_record.newer(known, project.root / "docs") == ["a", "b"]


def test_the_tables():
    assert "<strong>2</strong> hold<br>1 differ" in matrix_tables.summary(SOME)
    assert "<strong>3</strong> hold</td>" in matrix_tables.summary(SOME)
    table = matrix_tables.by_page(SOME)
    assert '<a href="../a.html">a</a></th><td>2</td><td><span' in table and "tasks/*" in table and "not run: trains long" in table
    assert "<td>other" not in matrix_tables.changes(SOME) and "<td>3.12</td><td>differs: other</td>" in matrix_tables.changes(SOME)
    assert "A <code>one</code> &lt; two" in (claims := matrix_tables.claims(SOME))
    assert "every version: differs: not &lt;equal&gt;" in claims and "3.12: not reached: ValueError: no" in claims
    assert "<td>not &lt;equal&gt;</td><td>1</td>" in matrix_tables.reasons(SOME, least=1)


@pytest.fixture
def here(project, monkeypatch):
    """A project whose plan is this environment's Keras, on backends that need none; a page that leaves Keras alone."""
    monkeypatch.setattr(matrix, "stack", lambda: {"Python": "3"})
    monkeypatch.setattr(matrix, "overlay", lambda number, build: "")
    monkeypatch.setattr(matrix, "run_on", lambda number, backend, found, settings, build: {
        page.docname: [Cell("", [("One is one", "" if backend == "tensorflow" else "no")])] for page in found})
    project.write("matrix.toml", 'keras = ["3.15.1"]\nbackends = ["tensorflow", "torch"]\n[left_out]\n')
    for name in "ab":
        project.write(f"docs/{name}.md", page('ur.claim("One is one").equal(1, 1)'))
    (project.root / "docs/reference").mkdir()
    return project


def test_the_command_records_all_pages(here, capsys):
    assert matrix.matrix(here.root, "docs") == 0
    kept = json.loads((here.root / "docs" / matrix_record.WHERE).read_text())
    assert set(kept["pages"]) == {"a", "b"} and kept["pages"]["a"]["findings"][0]["on"] == ["3.15.1 torch"]
    assert "3.15.1 torch: 0 hold, 2 differ, 0 not reached" in capsys.readouterr().out


def test_only_changed_pages_are_run_again(here, monkeypatch, capsys):
    matrix.matrix(here.root, "docs")
    here.write("docs/b.md", page('ur.claim("One is one").equal(1, 2)'))
    seen = []
    run_on = matrix.run_on

    def watched(number, backend, found, *rest):
        seen.append([page.docname for page in found])
        return run_on(number, backend, found, *rest)

    monkeypatch.setattr(matrix, "run_on", watched)
    matrix.matrix(here.root, "docs", changed=True)
    matrix.matrix(here.root, "docs", [here.root / "docs/a.md"])
    assert seen == [["b"], ["b"], ["a"], ["a"]]
    assert set(json.loads((here.root / "docs" / matrix_record.WHERE).read_text())["pages"]) == {"a", "b"}


def test_a_record_of_other_versions_is_not_mixed_with_new_pages(here, monkeypatch, capsys):
    matrix.matrix(here.root, "docs")
    monkeypatch.setattr(matrix, "stack", lambda: {"Python": "4"})
    assert matrix.matrix(here.root, "docs", changed=True) == 2
    assert "was made with other versions: make all of it anew (make matrix)" in capsys.readouterr().out


def test_a_page_that_the_plan_does_not_run_is_refused(here, capsys):
    matrix.matrix(here.root, "docs")
    assert matrix.matrix(here.root, "docs", [here.root / "docs/c.md"]) == 2
    assert "docs/c.md is no page with claims that matrix.toml has run" in capsys.readouterr().out


def test_nothing_is_run_when_nothing_has_changed(here, monkeypatch):
    matrix.matrix(here.root, "docs")
    monkeypatch.setattr(matrix, "run_on", None)
    assert matrix.matrix(here.root, "docs", changed=True) == 0


def test_a_missing_backend_is_named(monkeypatch):
    monkeypatch.setattr(matrix, "STACK", ("numpy", "nowhere"))
    with pytest.raises(SystemExit, match=r"nowhere is not installed: .* an environment with all backends \(make matrix\)"):
        matrix.stack()


def test_a_cell_that_stops_on_the_reference_is_told(capsys):
    assert matrix._told({"a": [Cell("", [("Holds", "")], "KeyError: 1")]})
    assert capsys.readouterr().out == "a: a cell stopped: KeyError: 1\n"
    assert not matrix._told({"a": [Cell("", [("Holds", "")])]}) and capsys.readouterr().out == ""


def test_a_claim_that_fails_on_the_reference_fails_the_command(here, monkeypatch, capsys):
    fails = [Cell("", [("One is one", "no")])]
    monkeypatch.setattr(matrix, "run_on", lambda number, backend, found, *_: {page.docname: fails for page in found})
    assert matrix.matrix(here.root, "docs") == 1
    assert "a: One is one: no" in capsys.readouterr().out


def test_another_version_is_put_beside_the_one_that_is_installed(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(matrix, "version", lambda name: "3.15.1")
    aside = tmp_path / "keras-3.12.4.new"
    monkeypatch.setattr(matrix.subprocess, "run", lambda command, check: asked.append(command) or aside.mkdir())
    assert matrix.overlay("3.15.1", tmp_path) == "" and not asked
    assert matrix.overlay("3.12.4", tmp_path) == matrix.overlay("3.12.4", tmp_path) == str(tmp_path / "keras-3.12.4")
    assert len(asked) == 1 and asked[0][0] == sys.executable and asked[0][-1] == "keras==3.12.4"
