"""The built site in a browser: what loads, what is drawn, what can be found, in light and dark, wide and narrow."""

import ast
import functools
import gzip
import re
from html import unescape
from pathlib import Path

import nbformat
import pytest
from fontTools.ttLib import TTFont

from .conftest import DOCS, NOTEBOOKS, PAGES

SEEN = [*PAGES, "search", "genindex"]
SOURCE = {page: (DOCS / f"{page}.md").read_text(encoding="utf-8") for page in PAGES}
FIGURES = [page for page in NOTEBOOKS if re.search(r"\b(plot|show|diagram)\(", SOURCE[page])]
MATH = [page for page in PAGES if re.search(r"\$[^$]+\$", re.sub(r"```.*?```", "", SOURCE[page], flags=re.S))]
INVISIBLE = set("\u2061\u2062\u2063\u2064")  # function application, invisible times: nothing to draw
WINDOWS = [(1280, "light"), (1280, "dark"), (360, "light")]


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


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
@pytest.mark.parametrize("page", PAGES)
def test_nothing_moves_while_a_page_loads(visit, page, width, scheme):
    """Formulas, fonts and figures arrive without a layout shift; 0.01 is a tenth of what Web Vitals call good."""
    assert visit(page, width, scheme).facts["moved"] <= 0.01


@pytest.mark.parametrize("page", SEEN)
def test_a_page_is_light(visit, site, page):
    """What a page loads, compressed as a host does: the page with its figures, styles, scripts, fonts."""
    loaded = {path.lstrip("/") for path in visit(page).facts["loaded"]}
    assert {f"{page}.html", "_static/site.css"} <= loaded
    weight = sum(_compressed(site / path) for path in loaded)
    assert weight <= 350_000, f"{weight} bytes"


@functools.cache
def _compressed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes()))


@pytest.mark.parametrize("page", SEEN)
def test_a_page_forbids_whatever_is_not_the_sites_own(site, page):
    html = (site / f"{page}.html").read_text(encoding="utf-8")
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', html.replace("&#39;", "'"))[1]
    assert "default-src 'self'" in policy and "script-src 'self';" in policy
    inline = [script for script in re.findall(r"<script\b([^>]*)>", html) if "src=" not in script and "application/" not in script]
    assert not inline and not re.search(r"<[^>]+\son\w+=", html)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_accessible(visit, page, scheme):
    """No violation that axe-core knows: contrast, names, keyboard, structure; what the code returned counts."""
    problems = visit(page, 1280, scheme).accessibility
    assert not problems, "\n".join(problems)


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


def test_the_math_font_has_every_character_of_the_formulas(site):
    font = set(TTFont(site / "_static" / "fonts" / "unrolled-math.woff2").getBestCmap())
    formulas = {page: re.findall(r"<math\b.*?</math>", (site / f"{page}.html").read_text(encoding="utf-8"), re.S) for page in PAGES}
    used = {page: set(unescape(re.sub(r"<[^>]+>", "", "".join(found)))) for page, found in formulas.items()}
    missing = {page: left for page, letters in used.items() if (left := {c for c in letters if not c.isspace() and ord(c) not in font} - INVISIBLE)}
    assert any(formulas.values()) and not missing


def test_the_pages_code_is_copied_as_one_script(tab, site):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto("/layers/gru.html")
    tab.locator(".dropdown-download-buttons button").first.click()
    tab.locator("[data-ur-copy]").click()
    tab.locator("#ur-said", has_text="Copied").wait_for(state="attached")
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied == (site / "_sources" / "layers" / "gru.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_pages_script_is_python_with_its_code_and_without_its_output(site, page):
    script = (site / "_sources" / f"{page}.py").read_text(encoding="utf-8")
    ast.parse(script)
    notebook = nbformat.read(site / "_sources" / f"{page}.ipynb", as_version=4)
    lines = {line for cell in notebook.cells if cell.cell_type == "code" for line in cell.source.splitlines() if line.strip()}
    kept = set(script.splitlines())
    assert len([line for line in lines if line not in kept]) <= 2, "only the lines that name the site's folders change"
    assert not re.search(r"^(>>>|\.\.\. |In \[)", script, re.M)


def test_a_code_block_is_copied_without_its_output(tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto("/layers/gru.html")
    block = tab.locator(".cell_input .highlight").first
    block.hover()
    block.locator("button.copybtn").click()
    tab.locator("button.copybtn.success").first.wait_for()
    assert tab.evaluate("navigator.clipboard.readText()").strip() == block.locator("pre").inner_text().strip()
    assert tab.locator(".cell_output button.copybtn").count() == 0, "what code printed is not offered as code"


def test_a_page_says_how_to_cite_it(tab):
    tab.goto("/layers/gru.html")
    tab.locator(".dropdown-download-buttons button").first.click()
    tab.locator("[data-ur-cite]").click()
    entry = tab.locator("dialog.ur-cite pre").inner_text()
    assert re.match(r"@online\{unrolled-layers-gru,", entry) and "/layers/gru.html" in entry and "keras" in entry.lower()
    assert re.search(r"urldate = \{\d{4}-\d\d-\d\d\}", entry)
    tab.keyboard.press("Escape")
    assert not tab.locator("dialog.ur-cite").is_visible()


def test_a_keyboard_reaches_the_text_and_every_control(tab):
    tab.goto("/layers/lstm.html")
    tab.keyboard.press("Tab")
    assert "skip" in tab.evaluate("document.activeElement.textContent.toLowerCase()")
    tab.keyboard.press("Enter")
    assert "#" in tab.url
    reached = set()
    for _ in range(400):
        tab.keyboard.press("Tab")
        at = tab.evaluate("(() => { const e = document.activeElement; if (e === document.body) return null;"
                          " e.dataset.reached = 1; const s = getComputedStyle(e), r = e.getBoundingClientRect();"
                          " return [e.tagName, s.outlineStyle !== 'none' || s.boxShadow !== 'none' || s.textDecorationLine !== 'none' || s.backgroundColor !== 'rgba(0, 0, 0, 0)', r.width]; })()")
        if at is None:
            break
        reached.add(tuple(at[:2]))
    unreached = tab.evaluate("[...document.querySelectorAll('article input, article select, article button, article a[href], article summary')]"
                             ".filter(e => e.checkVisibility() && !e.dataset.reached && !e.disabled && !(e.type === 'radio' && !e.checked)).map(e => e.outerHTML.slice(0, 90))")
    assert not unreached
    assert all(visible for _, visible in reached), "where the focus is can be seen"


def test_who_asks_for_less_motion_gets_none(browser, address):
    context = browser.new_context(reduced_motion="reduce", base_url=address)
    tab = context.new_page()
    for page in ("index", "explorers/time", "layers/lstm"):
        tab.goto(f"/{page}.html")
        moving = tab.evaluate("[...document.querySelectorAll('*')].filter(e => { const s = getComputedStyle(e); const long = v => v.split(',').some(t => parseFloat(t) > 0.01);"
                              " return long(s.transitionDuration) || (s.animationName !== 'none' && long(s.animationDuration)) || s.scrollBehavior === 'smooth'; })"
                              ".map(e => e.tagName + '.' + e.className)")
        assert not moving[:5], page
    context.close()


def test_a_page_prints_black_on_white_without_what_is_for_the_screen(browser, address):
    context = browser.new_context(color_scheme="dark", base_url=address)
    tab = context.new_page()
    tab.goto("/layers/lstm.html")
    tab.emulate_media(media="print")
    for selector in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article", ".copybtn", ".prev-next-footer"):
        assert not any(part.is_visible() for part in tab.locator(selector).all()), selector
    shades = tab.evaluate("['body', 'article p', 'article pre'].map(s => getComputedStyle(document.querySelector(s)).color)")
    assert all(sum(map(int, re.findall(r"\d+", shade)[:3])) < 300 for shade in shades), shades
    assert tab.locator("article h1").is_visible() and tab.locator("article math").first.is_visible()
    context.close()
