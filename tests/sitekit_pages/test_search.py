"""What the search index holds after a build that wrote only some of the pages."""

import json

import pytest

INDEX = "# T\n\n```{toctree}\na\nb\n```\n"
PAGE = "# %s\n\n```{index} ! %s gate\n```\n\n%s\n"


@pytest.fixture
def site(project):
    project.extensions += ["sitekit.search"]
    project.write(index=INDEX, a=PAGE % ("A", "forget", "words"), b=PAGE % ("B", "reset", "words"))
    return project


def entries(site) -> dict[str, list[str]]:
    """Term -> the pages that define it."""
    text = (site.out / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[len("Search.setIndex("):-1])
    return {term: [index["docnames"][page] for page, _, main in found if main] for term, found in index["indexentries"].items()}


def test_a_page_that_was_not_written_again_keeps_its_terms(site):
    assert site.build() == ""
    assert entries(site) == {"forget gate": ["a"], "reset gate": ["b"]}
    site.write(b=PAGE % ("B", "update", "other words"))
    assert site.build() == "" and site.read == ["b"]
    assert entries(site) == {"forget gate": ["a"], "update gate": ["b"]}


def test_the_sites_own_ranking_is_what_the_search_loads(site):
    site.build()
    assert 'kind === "index"' in (site.out / "_static" / "language_data.js").read_text(encoding="utf-8")
