"""What the head of a page says: the author's sentence, the policy, no script in the page's own text."""

import pytest

from sitekit.heads import POLICY

PAGE = "---\ndescription: What this page is for, \"in\" one sentence.\n---\n# T\n\nFirst words $x$.\n"


@pytest.fixture
def built(project):
    project.extensions += ["sitekit.heads"]
    project.options |= {"ogp_site_url": "https://example.org/", "ogp_social_cards": {"enable": False}}
    project.write(index=PAGE + "\n```{toctree}\nplain\n```\n", plain="# P\n\nOnly these words.\n")
    project.build()
    return project


def test_the_authors_sentence_describes_the_page(built):
    html = built.html("index")
    assert html.count('name="description"') == 1
    assert 'name="description" content="What this page is for, &#34;in&#34; one sentence."' in html
    assert 'property="og:description" content="What this page is for' in html


def test_without_one_the_first_words_do(built):
    assert 'content="Only these words."' in built.html("plain")


def test_the_policy_allows_scripts_of_this_site_alone():
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["script-src"] == rules["default-src"] == "'self'" and rules["object-src"] == "'none'"
