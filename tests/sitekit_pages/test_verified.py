"""What a build verified: the table and the count follow the claims in the pages' outputs, also incrementally."""

import json
import platform
import re

import numpy
import pytest

from sitekit.verified import Claim, claims_of, counted, versions

ONE = {"sentence": "`h` is the output", "check": "close", "measured": "largest difference 1.2e-07", "tolerance": "at most 1e-06"}
TWO = {"sentence": "A < B", "check": "equal", "measured": "exactly equal", "tolerance": ""}


@pytest.fixture
def site(project, executed):
    project.extensions += ["sitekit.verified"]
    project.write(
        index="# Home\n\nHere: {verified-count}`all`.\n\n```{toctree}\nlstm\nplain\nverified\n```\n",
        lstm="# The LSTM\n", plain="# Plain\n", verified="# Verified\n\n```{verified}\n```\n",
    )
    project.pages = {"lstm": executed(ONE, TWO)}
    return project


def rows(html: str) -> list[list[str]]:
    body = re.findall(r"<tr[^>]*>(.*?)</tr>", html, re.S)
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td>(.*?)</td>", row, re.S)] for row in body if "<td>" in row]


def test_claims_are_collected_in_the_order_of_pages_and_cells(executed):
    found = claims_of({"b": executed(TWO), "a": executed(ONE), "c": executed()})
    assert found == (Claim(page="a", **ONE), Claim(page="b", **TWO))


def test_a_bundle_that_was_stored_as_text_is_read_too(executed):
    assert claims_of({"a": executed(json.dumps(ONE))}) == (Claim(page="a", **ONE),)


def test_the_count_is_worded_for_one_and_for_many():
    claim = Claim("a", "", "", "", "")
    assert counted((claim,)) == "1 claim on 1 page"
    assert counted((claim, claim, Claim("b", "", "", "", ""))) == "3 claims on 2 pages"


def test_the_versions_are_those_of_this_stack():
    found = versions()
    assert list(found) == ["Python", "NumPy", "TensorFlow", "Keras"]
    assert (found["Python"], found["NumPy"]) == (platform.python_version(), numpy.__version__)


def test_the_table_has_page_sentence_figure_and_tolerance(site):
    assert site.build() == ""
    html = site.html("verified")
    assert rows(html) == [["h is the output", ONE["measured"], ONE["tolerance"]], ["A &lt; B", "exactly equal", ""]]
    assert re.search(r'href="lstm\.html"[^>]*>(<[^>]+>)*The LSTM', html), "the page is linked under its title"
    assert "<code" in html and all(version in html for version in versions().values())
    assert "2 claims on 1 page" in site.html("index")


def test_a_changed_claim_has_only_the_pages_read_again_that_show_it(site, executed):
    site.build()
    site.pages = {"lstm": executed({**ONE, "measured": "largest difference 9.9e-07"})}
    site.build()
    assert sorted(site.read) == ["index", "verified"]
    assert [row[1] for row in rows(site.html("verified"))] == ["largest difference 9.9e-07"]
    assert "1 claim on 1 page" in site.html("index")


def test_without_a_change_nothing_is_read_again(site):
    site.build()
    site.build()
    assert site.read == []


def test_a_page_that_is_gone_takes_its_claims_with_it(site):
    site.build()
    site.pages = {}
    site.build()
    assert rows(site.html("verified")) == [] and "0 claims on 0 pages" in site.html("index")
