"""How readers get to a page: search, old addresses, the list for tools, the page before and the page after."""

import re

import pytest

from .conftest import DOCS, PAGES, ROOT

# What a reader types, and the page that says what it is.
DEFINED = {
    "forget gate": "layers/lstm", "cell state": "layers/lstm", "LSTM": "layers/lstm", "reset gate": "layers/gru", "gru": "layers/gru",
    "hidden state": "layers/simple-rnn", "reset_after": "layers/dialects", "return_sequences": "outputs/matrix",
    "return_state": "outputs/states", "stateful": "outputs/stateful", "mask": "outputs/masking", "Bidirectional": "outputs/bidirectional",
    "recurrent_dropout": "outputs/switches", "timesteps": "sequences/shapes", "parameters": "sequences/parameters",
    "many to one": "sequences/tasks", "teacher forcing": "tasks/translation", "temperature": "tasks/poetry", "kernel": "weights/atlas",
    "PyTorch": "weights/pytorch", "vanishing gradient": "training/memory", "backpropagation through time": "training/gradients",
    "gradient clipping": "training/well", "cuDNN": "training/hardware", "bucketing": "training/data", "CuDNNLSTM": "reference/old-code",
}
ADDRESSES = (ROOT / "tests" / "website" / "addresses.txt").read_text(encoding="utf-8").split()
WRITTEN = [page for page in PAGES if page != "404"]


def first_found(tab, words: str) -> str:
    """The address that the site's search lists first for these words."""
    tab.goto(f"/search.html?q={words.replace(' ', '+')}", wait_until="commit")
    return tab.locator("#search-results li a").first.get_attribute("href")


def test_search_lists_the_page_that_defines_a_term_first(tab):
    first = {words: first_found(tab, words) for words in DEFINED}
    wrong = {words: got for words, got in first.items() if not got.startswith(DEFINED[words])}
    assert not wrong


def test_every_address_that_the_site_has_had_still_leads_to_a_page(site):
    lost = [address for address in ADDRESSES if not (site / address).exists()]
    assert not lost, "a page moved: name its new address in conf.py's redirects"
    unlisted = [f"{page}.html" for page in PAGES if f"{page}.html" not in ADDRESSES]
    assert not unlisted, "a new page: add its address to addresses.txt, for the day it moves"


def test_every_redirect_arrives(tab, site):
    from sitekit import read_configuration

    redirects = read_configuration(ROOT)["redirects"]
    assert redirects
    for old in redirects:
        tab.goto(f"/{old}.html")
        tab.wait_for_selector("article h1")
        assert f"/{old}" not in tab.url and tab.locator("article h1").inner_text() != "There is no such page"


def test_the_list_for_tools_names_every_page_and_its_source_is_there(site):
    listed = re.findall(r"^- \[.+\]\(.+/(_sources/.+\.md)\)$", (site / "llms.txt").read_text(encoding="utf-8"), re.M)
    assert sorted(listed) == sorted(f"_sources/{page}.md" for page in WRITTEN)
    for page in WRITTEN:
        assert (site / f"_sources/{page}.md").read_bytes() == (DOCS / f"{page}.md").read_bytes()
        assert f"_sources/{page}.md" in (site / f"{page}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", WRITTEN)
def test_a_page_names_the_one_before_and_the_next_and_its_headings_are_links(site, page):
    html = (site / f"{page}.html").read_text(encoding="utf-8")
    assert ('rel="prev"' in html, 'rel="next"' in html) == (page != "index", page != "reference/bibliography")
    headings = re.findall(r"<h([23])>(.+?)</h\1>", html[html.index("<article"):html.rindex("</article>")], re.S)
    assert all('class="headerlink"' in heading for _, heading in headings)


@pytest.mark.parametrize("page", WRITTEN)
def test_a_page_has_a_card_of_its_own_where_links_are_shared(site, page):
    html = (site / f"{page}.html").read_text(encoding="utf-8")
    card = re.search(r'<meta property="og:image" content="[^"]*/(_images/[^"]+)"', html)
    assert card and (site / card[1]).stat().st_size > 1000
