"""The site, built once with the command that readers use, served on this machine, and seen with a real browser."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from sitekit.browsing import find_chromium, served

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = ROOT / "_build" / "html"
#: Sphinx's names of the pages that an author wrote; known before anything is built.
PAGES = sorted(str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md") if "recipes" not in path.parts)
NOTEBOOKS = [page for page in PAGES if "file_format: mystnb" in (DOCS / f"{page}.md").read_text(encoding="utf-8")]


@dataclass
class Build:
    """What the command said, and how it ended."""

    status: int
    output: str


@pytest.fixture(scope="session")
def build() -> Build:
    """Build the site as ``make html`` does: every page is run, every claim checked."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "sitekit", "html"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800,
    )
    return Build(done.returncode, done.stdout)


@pytest.fixture(scope="session")
def site(build) -> Path:
    """The folder of the built site."""
    if build.status:
        pytest.fail("the site did not build: test_the_site_builds says why", pytrace=False)
    return SITE


@pytest.fixture(scope="session")
def address(site) -> str:
    """Where the site is served, without a slash at the end."""
    with served(site) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium. Without one a person's tests are skipped, but continuous integration fails."""
    found = find_chromium()
    if found is None:
        reason = "no Chromium found: install it from your system's packages, or name it in CHROMIUM"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


# What the tests ask of a page, asked in one go: a tab for each question would be slow.
FACTS = """async () => {
  const box = e => { const r = e.getBoundingClientRect(); return [r.width, r.height] };
  const all = s => [...document.querySelectorAll(s)];
  const shown = e => e.checkVisibility();
  const article = document.querySelector('article');
  const prose = article ? article.cloneNode(true) : document.createElement('p');
  prose.querySelectorAll('pre, code, .ur-claim, style').forEach(e => e.remove());
  const moves = [];
  const watch = new PerformanceObserver(list => moves.push(...list.getEntries()));
  watch.observe({type: 'layout-shift', buffered: true});
  await new Promise(done => setTimeout(done, 50));
  moves.push(...watch.takeRecords());
  return {
    title: all('article h1, #search-results, h1').filter(shown).length,
    theme: document.documentElement.dataset.theme,
    moved: moves.filter(m => !m.hadRecentInput).reduce((sum, m) => sum + m.value, 0),
    loaded: performance.getEntries().filter(e => 'encodedBodySize' in e).map(e => new URL(e.name).pathname),
    excess: document.scrollingElement.scrollWidth - window.innerWidth,
    prose: prose.textContent,
    formulas: all('.math > math, .ur-equation > math').filter(shown).map(box),
    unread: all('.math').filter(m => !m.querySelector('math')).map(m => m.textContent),
    fonts: [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family),
    figures: all('.ur-figure svg').map(s => [...box(s),
      Boolean(s.getAttribute('aria-label') || s.querySelector('title') || s.getAttribute('aria-labelledby') || s.closest('[aria-label]'))]),
    links: all('script[src], link[rel=stylesheet], link[rel=preload], img, iframe, source, image')
      .map(e => e.src || e.href?.baseVal || e.href || '').filter(u => /^(https?:)?\\/\\//.test(u) && !u.startsWith(location.origin)),
  }
}"""

# Docutils gives entries of a bibliography a role that ARIA has deprecated since.
JUDGED = {"include": [["main"]], "exclude": [[".citation-list"]]}

# What looks alike is judged once: axe-core takes seconds over thousands of coloured words of code.
THIN = """() => {
  const seen = new Set();
  const again = key => seen.has(key) || !seen.add(key);
  document.querySelectorAll('.highlight pre span[class]').forEach(word => again(word.className) && word.remove());
  document.querySelectorAll('main tbody tr:nth-child(n+5)').forEach(row => row.remove());
  document.querySelectorAll('.ur-claim').forEach(claim => again(claim.childElementCount) && claim.closest('.output')?.remove());
}"""

# In the dark the colours alone are judged: one text of each look is enough.
LOOKS = """() => {
  const seen = new Set();
  const ground = e => {
    for (; e; e = e.parentElement) {
      const { backgroundColor } = getComputedStyle(e);
      if (backgroundColor !== 'rgba(0, 0, 0, 0)') return backgroundColor;
    }
  };
  const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  const again = [];
  while (texts.nextNode()) {
    if (!texts.currentNode.data.trim()) continue;
    const element = texts.currentNode.parentElement;
    const { color, fontSize, fontWeight, opacity } = getComputedStyle(element);
    const look = [element.tagName, color, fontSize, fontWeight, opacity, ground(element)].join();
    if (seen.has(look)) again.push(texts.currentNode);
    seen.add(look);
  }
  again.forEach(text => text.remove());
}"""


@dataclass
class Visit:
    """What a page showed, and all that went wrong while it loaded."""

    console: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    accessibility: list[str] = field(default_factory=list)


class Reader:
    """A browser window of one width and scheme, which reads a page at a time."""

    def __init__(self, browser, address: str, width: int, scheme: str) -> None:
        self.address, self.seen = address, Visit()
        # All rules where it is light; in the dark the colours alone can differ.
        dark = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}
        self.judge = {"resultTypes": ["violations"], "preload": False, **dark} if width > 1000 else None
        self.tab = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
        self.tab.on("console", self._note_message)
        self.tab.on("pageerror", lambda error: self.seen.console.append(str(error)))
        self.tab.on("requestfailed", lambda request: self.seen.failed.append(request.url))
        self.tab.on("response", lambda answer: self.seen.failed.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
        self.tab.on("request", self._note_foreign)

    def _note_message(self, message) -> None:
        if message.type in ("error", "warning"):
            self.seen.console.append(f"{message.text} {message.location.get('url', '')}")

    def _note_foreign(self, request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.seen.foreign.append(request.url)

    def read(self, page: str) -> Visit:
        """Load a page and ask it everything."""
        self.seen = Visit()
        self.tab.goto(f"{self.address}/{page}.html", wait_until="load")
        self.tab.evaluate("document.fonts.ready.then(() => null)")
        self.seen.facts = self.tab.evaluate(FACTS)
        if self.judge:
            self.tab.evaluate(LOOKS if "runOnly" in self.judge else THIN)
            found = Axe().run(self.tab, context=JUDGED, options=self.judge)
            self.seen.accessibility = [f"{issue['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
                                       for issue in found.response["violations"] for node in issue["nodes"]]
        return self.seen


@pytest.fixture(scope="session")
def visit(browser, address):
    """``visit("layers/lstm", 390, "dark")``: what that page shows there; each is loaded once."""
    reader = functools.cache(lambda width, scheme: Reader(browser, address, width, scheme))
    return functools.cache(lambda page, width=1280, scheme="light": reader(width, scheme).read(page))


@pytest.fixture
def tab(browser, address):
    """A fresh window, to click in."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light", base_url=address)
    yield context.new_page()
    context.close()
