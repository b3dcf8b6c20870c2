"""The built site in a browser: what loads, what is drawn, what can be found, in light and dark, wide and narrow."""

import re

import pytest

from .conftest import DOCS, NOTEBOOKS, PAGES

SEEN = [*PAGES, "search", "genindex"]
FIGURES = [page for page in NOTEBOOKS if re.search(r"\b(plot|show|diagram)\(", (DOCS / f"{page}.md").read_text(encoding="utf-8"))]
MATH = [page for page in PAGES if re.search(r"\$[^$]+\$", (DOCS / f"{page}.md").read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", SEEN)
def test_a_page_loads_without_an_error_and_from_this_host_alone(visit, page):
    seen = visit(page)
    assert seen.console == [] and seen.failed == [] and seen.foreign == []
    assert seen.page.locator("h1").first.is_visible()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_another_host_to_load_from(visit, page):
    loads = "[...document.querySelectorAll('script[src],link[rel=stylesheet],link[rel=preload],img,iframe,source,image')]" \
            ".map(e => e.src || e.href?.baseVal || e.href || '').filter(u => /^(https?:)?\\/\\//.test(u) && !u.startsWith(location.origin))"
    assert visit(page).page.evaluate(loads) == []


@pytest.mark.parametrize("page", MATH)
def test_formulas_are_drawn_with_the_sites_own_font(visit, page):
    tab = visit(page).page
    sizes = tab.evaluate("[...document.querySelectorAll('.math > math, .ur-equation > math')]"
                         ".filter(m => m.checkVisibility()).map(m => [m.getBoundingClientRect().width, m.getBoundingClientRect().height])")
    assert sizes and all(width > 2 and height > 2 for width, height in sizes)
    assert tab.evaluate("[...document.fonts].some(f => f.family.includes('Unrolled Math') && f.status === 'loaded')")
    assert tab.evaluate("[...document.querySelectorAll('.math')].filter(m => !m.querySelector('math')).map(m => m.textContent)") == []


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_raw_tex(visit, page):
    text = visit(page).page.evaluate(
        "() => { const copy = document.querySelector('article').cloneNode(true);"
        " copy.querySelectorAll('pre, code, .ur-claim, annotation').forEach(e => e.remove()); return copy.textContent }")
    assert not re.search(r"\$[^$\n]{1,60}\$|\\(frac|odot|tilde|sigma|begin|forget|inputg|hidden|mathbb)\b", text)


@pytest.mark.parametrize("page", FIGURES)
def test_figures_are_there_and_can_be_read_aloud(visit, page):
    figures = visit(page).page.evaluate(
        "[...document.querySelectorAll('.ur-figure svg')].map(s => [s.getBoundingClientRect().width, s.getBoundingClientRect().height,"
        " !!(s.getAttribute('aria-label') || s.querySelector('title') || s.getAttribute('aria-labelledby') || s.closest('[aria-label]'))])")
    assert figures
    assert all(width > 100 and height > 40 for width, height, _ in figures)
    assert all(named for *_, named in figures), "a figure without a name"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_its_window(visit, page, width):
    excess = visit(page, width).page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
    assert excess <= 0, f"{excess} pixels too wide at {width}"


def test_search_finds_the_reset_gate(visit):
    tab = visit("search.html?q=reset+gate").page
    tab.wait_for_selector("#search-results li a", timeout=10000)
    tab.wait_for_load_state("networkidle")
    found = tab.eval_on_selector_all("#search-results li a", "links => links.map(a => a.getAttribute('href'))")
    assert any("layers/gru" in link for link in found), found


@pytest.mark.parametrize("width", [390, 1280])
def test_there_is_one_search_box_and_it_searches(visit, address, width):
    tab = visit("index", width).page
    buttons = [button for button in tab.locator(".search-button, .search-button-field").all() if button.is_visible()]
    fields = [field for field in tab.locator("input[type=search]").all() if field.is_visible()]
    assert len(buttons) + len(fields) == 1
    tab = tab.context.new_page()
    tab.goto(f"{address}/index.html", wait_until="networkidle")
    next(button for button in tab.locator(".search-button, .search-button-field").all() if button.is_visible()).click()
    tab.locator("input[type=search]:visible").fill("reset gate")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?q=reset*")
    tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_follows_the_systems_scheme(visit, scheme):
    tab = visit("reference/glossary", 1280, scheme).page
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme


def test_the_switch_changes_background_and_the_colours_of_formulas(browser, address):
    tab = browser.new_context(color_scheme="light").new_page()
    tab.goto(f"{address}/reference/glossary.html", wait_until="networkidle")
    look = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('math [style*=--ur-]')).color]"
    looks = {}
    for _ in range(3):
        looks[tab.evaluate("document.documentElement.dataset.theme")] = tab.evaluate(look)
        tab.locator(".theme-switch-button:visible").first.click()
        tab.wait_for_timeout(100)
    assert looks.keys() == {"light", "dark"}
    assert looks["light"][0] != looks["dark"][0] and looks["light"][1] != looks["dark"][1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_accessible(visit, page, scheme):
    """No violation that axe-core knows, in the article: contrast, names, keyboard, structure."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(visit(page, 1280, scheme).page, context={"include": [["article"]]}, options={"resultTypes": ["violations"]})
    problems = [f"{issue['id']}: {node['html'][:160]}" for issue in found.response["violations"] for node in issue["nodes"]]
    assert not problems, "\n".join(problems)


def test_a_wrong_address_gives_the_sites_own_page(browser, address):
    tab = browser.new_page()
    answer = tab.goto(f"{address}/no/such/page.html", wait_until="networkidle")
    assert answer.status == 404
    assert tab.locator("h1").first.inner_text().startswith("There is no such page")
    assert tab.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ur-ink')"), "its style is found from any depth"
    tab.close()


@pytest.mark.parametrize("page", NOTEBOOKS[:1])
def test_the_download_button_gives_the_notebook(visit, page):
    tab = visit(page).page
    tab.locator(".dropdown-download-buttons button").first.click()
    with tab.expect_download() as download:
        tab.locator("a.btn-download-notebook-button, .btn-download-notebook-button").first.click()
    assert download.value.suggested_filename.endswith(".ipynb")
