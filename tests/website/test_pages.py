"""The pages: one build runs them all, and every claim on them holds and is listed."""

import json
import re
from xml.etree import ElementTree

import nbformat
import pytest

from sitekit.pages import CLAIM
from sitekit.verified import claims_of

from .conftest import DOCS, NOTEBOOKS, PAGES


def test_the_site_builds_without_a_warning_and_says_where_it_is(build):
    assert build.status == 0, build.output
    assert "WARNING" not in build.output
    assert "_build/html" in build.output


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_page_with_code_checks_what_it_says(site, page):
    notebook = nbformat.read(site / "_sources" / f"{page}.ipynb", as_version=4)
    claims = claims_of({page: notebook})
    assert claims, f"{page} runs code but claims nothing"
    html = (site / f"{page}.html").read_text(encoding="utf-8")
    assert html.count('class="ur-claim"') == len(claims), "each claim is shown where it stands"


def test_the_list_of_claims_is_the_claims_of_the_pages(site):
    pages = {page: nbformat.read(site / "_sources" / f"{page}.ipynb", as_version=4) for page in NOTEBOOKS}
    html = (site / "reference" / "verified.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<tr[^>]*><td>", html)) == len(claims_of(pages)) > 0


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_page_downloads_as_a_notebook_with_its_outputs(site, page):
    notebook = nbformat.read(site / "_sources" / f"{page}.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and all(cell.execution_count for cell in code)
    assert any(CLAIM in output.get("data", {}) for cell in code for output in cell.outputs)
    html = (site / f"{page}.html").read_text(encoding="utf-8")
    assert f"_sources/{page}.ipynb" in html, "the page links its notebook"


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_a_start_up_log_or_a_build_that_went_wrong(site, page):
    html = (site / f"{page}.html").read_text(encoding="utf-8")
    log = re.search(r"oneDNN|cpu_feature_guard|cuda_executor|computation_placer|TF-TRT|WARNING:tensorflow|absl::|\b[IWE]0000 00:00", html)
    assert not log, f"a start-up log: {log[0]}"
    assert "problematic" not in html and "system-message" not in html
    notebook = site / "_sources" / f"{page}.ipynb"
    if notebook.exists():
        assert '"stderr"' not in json.dumps(json.loads(notebook.read_text(encoding="utf-8"))), "a cell wrote to stderr"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_in_one_sentence_what_it_is_for_search_engines_and_previews(site, page):
    html = (site / f"{page}.html").read_text(encoding="utf-8")
    description = re.search(r'<meta[^>]+name="description"[^>]*>', html)
    assert description and len(re.search(r'content="([^"]*)"', description[0])[1]) > 20
    if page != "404":
        assert 'property="og:image"' in html and 'property="og:title"' in html


def test_every_page_is_in_the_sitemap(site):
    tree = ElementTree.parse(site / "sitemap.xml")
    found = {element.text for element in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")}
    missing = [page for page in PAGES if page != "404" and not any(url.endswith(f"/{page}.html") for url in found)]
    assert not missing


def test_the_reference_has_every_public_name(site):
    import unrolled

    html = (site / "reference" / "api.html").read_text(encoding="utf-8")
    missing = [name for name in unrolled.__all__ if f'id="unrolled.{name}"' not in html and f'id="unrolled.claims.{name}"' not in html]
    assert not missing


def test_the_front_page_reaches_every_page(site):
    html = (site / "index.html").read_text(encoding="utf-8")
    missing = [page for page in PAGES if page not in ("index", "404") and f'href="{page}.html"' not in html]
    assert not missing and (DOCS / "index.md").exists()
