"""The table of names on a page is the package's own."""

import re

import pytest


@pytest.fixture
def page(project):
    project.extensions += ["sitekit.mathml", "sitekit.fields_table"]
    project.options["html_math_renderer"] = "mathml"
    return project


def test_all_fields_are_there_with_their_colour_and_columns(page):
    from unrolled.fields import FIELDS

    page.write(index="# T\n\n```{fields-table}\n```\n")
    assert page.build() == ""
    html = page.html("index")
    assert html.count("<math") == len(FIELDS)
    assert re.findall(r"color:var\(--ur-([a-z]+)\)", html) == [field.colour for field in FIELDS]
    assert all(f">{field.name}<" in html.replace("</span>", "<").replace('<span class="pre">', ">") for field in FIELDS)


def test_one_kind_can_be_chosen(page):
    page.write(index="# T\n\n```{fields-table}\n:kind: GRU\n```\n")
    assert page.build() == ""
    assert "update_gate" in page.html("index") and "forget_gate" not in page.html("index")


def test_an_unknown_kind_says_which_there_are(page):
    page.write(index="# T\n\n```{fields-table}\n:kind: GRRU\n```\n")
    assert re.search(r"index\.md:3: .*kind is 'GRRU', but there are only SimpleRNN, LSTM, GRU", page.build())
