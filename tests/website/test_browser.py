"""The built site in a browser: what loads, what is drawn, what can be found, in light and dark, wide and narrow."""

import re

import pytest

from .conftest import DOCS, NOTEBOOKS, PAGES

SEEN = [*PAGES, "search", "genindex"]
SOURCE = {page: (DOCS / f"{page}.md").read_text(encoding="utf-8") for page in PAGES}
FIGURES = [page for page in NOTEBOOKS if re.search(r"\b(plot|show|diagram)\(", SOURCE[page])]
MATH = [page for page in PAGES if re.search(r"\$[^$]+\$", re.sub(r"```.*?```", "", SOURCE[page], flags=re.S))]
WINDOWS = [(1280, "light"), (1280, "dark"), (390, "light")]


@pytest.mark.parametrize("page", SEEN)
def test_a_page_loads_without_an_error_and_from_this_host_alone(visit, page):
    seen = visit(page)
    assert seen.console == [] and seen.failed == [] and seen.foreign == []
    assert seen.facts["links"] == [], "another host is named to load from"
    assert seen.facts["title"] >= 1


@pytest.mark.parametrize("page", MATH)
def test_formulas_are_drawn_with_the_sites_own_font(visit, page):
    facts = visit(page).facts
    assert facts["formulas"] and facts["unread"] == []
    assert all(width > 2 and height > 2 for width, height in facts["formulas"])
    assert "Unrolled Math" in " ".join(facts["fonts"])


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_raw_tex(visit, page):
    raw = re.search(r"\$[^$\n]{1,60}\$|\\(frac|odot|tilde|sigma|begin|forget|inputg|hidden|mathbb)\b", visit(page).facts["prose"])
    assert not raw, raw[0]


@pytest.mark.parametrize("page", FIGURES)
def test_figures_are_there_and_have_a_name_to_be_read_aloud(visit, page):
    figures = visit(page).facts["figures"]
    assert figures
    assert all(width > 100 and height > 40 for width, height, _ in figures)
    assert all(named for *_, named in figures)


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_its_window_and_follows_the_systems_scheme(visit, page, width, scheme):
    facts = visit(page, width, scheme).facts
    assert facts["excess"] <= 0, f"{facts['excess']} pixels too wide"
    assert facts["theme"] == scheme


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_accessible(visit, page, scheme):
    """No violation that axe-core knows: contrast, names, keyboard, structure; what the code returned counts."""
    problems = visit(page, 1280, scheme).accessibility
    assert not problems, "\n".join(problems)


def test_search_finds_the_reset_gate(tab):
    tab.goto("/search.html?q=reset+gate")
    tab.wait_for_selector("#search-results li a")
    tab.locator(".search-summary, #search-results > p").filter(has_text=re.compile(r"\d+ page")).first.wait_for(state="attached")
    found = tab.eval_on_selector_all("#search-results li a", "links => links.map(a => a.getAttribute('href'))")
    assert any("layers/gru" in link for link in found), found


@pytest.mark.parametrize("width", [390, 1280])
def test_there_is_one_search_box_and_it_searches(tab, width):
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto("/index.html")
    ways = [way for way in tab.locator(".search-button, .search-button-field, input[type=search]").all() if way.is_visible()]
    assert len(ways) == 1
    ways[0].click()
    tab.locator("input[type=search]:visible").fill("reset gate")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?q=reset*")


def test_the_switch_changes_the_ground_and_the_colours_of_formulas(tab):
    tab.goto("/reference/glossary.html")
    look = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('math [style*=--ur-]')).color]"
    looks = {}
    for scheme in ("dark", "light"):
        tab.locator(".theme-switch-button:visible").click()
        tab.locator(f".theme-change-button[data-mode={scheme}]:visible").click()
        tab.wait_for_timeout(400)  # colours fade
        assert tab.evaluate("document.documentElement.dataset.theme") == scheme
        looks[scheme] = tab.evaluate(look)
    assert all(light != dark for light, dark in zip(looks["light"], looks["dark"], strict=True))


def test_a_wrong_address_gives_the_sites_own_page(tab):
    answer = tab.goto("/no/such/page.html")
    assert answer.status == 404
    assert tab.locator("article h1").inner_text().startswith("There is no such page")
    assert tab.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ur-ink')"), "its style is found from any depth"


@pytest.mark.parametrize("page", NOTEBOOKS[:1])
def test_the_download_button_gives_the_notebook(tab, page):
    tab.goto(f"/{page}.html")
    tab.locator(".dropdown-download-buttons button").first.click()
    with tab.expect_download() as download:
        tab.locator(f"a[href$='{page.rpartition('/')[2]}.ipynb']").click()
    assert download.value.suggested_filename.endswith(".ipynb")
