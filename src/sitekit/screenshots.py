"""Every page as a reader sees it, wide and on a phone, light and dark: pictures to look at before saying that a page is done."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from sitekit.browsing import find_chromium, served

WINDOWS = {"wide": 1280, "phone": 360}
SCHEMES = ("light", "dark")


def photograph(site: Path, folder: Path, pages: Iterable[str] = ()) -> int:
    """Take the pictures of a built site, and write a sheet that shows them all.

    Parameters
    ----------
    site : Path
        The built site.
    folder : Path
        Where the pictures go: ``layers/lstm-phone-dark.png``, and ``index.html``.
    pages : iterable of str
        Only these, such as ``layers/lstm``; all that an author wrote, if none is named.

    Returns
    -------
    int
        An exit status: 0, or 1 where the site or a page is not built, or there is no browser.
    """
    from playwright.sync_api import sync_playwright

    there = sorted(str(path.relative_to(site / "_sources").with_suffix("")) for path in site.glob("_sources/**/*.md"))
    unknown = [page for page in pages if page not in there]
    chromium = find_chromium()
    if not there or unknown or not chromium:
        print(f"no page {', '.join(unknown)}; there are {', '.join(there)}" if there and unknown
              else f"{site} is not built: make html" if not there else "no Chromium found: install it, or name it in CHROMIUM")
        return 1
    with served(site) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for window, width in WINDOWS.items():
            for scheme in SCHEMES:
                tab = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce").new_page()
                for page in pages or there:
                    tab.goto(f"{address}/{page}.html", wait_until="networkidle")
                    tab.screenshot(path=folder / _name(page, window, scheme), full_page=True)
                tab.context.close()
        browser.close()
    (folder / "index.html").write_text(_sheet(pages or there), encoding="utf-8")
    print(f"screenshots: {folder / 'index.html'}")
    return 0


def _name(page: str, window: str, scheme: str) -> str:
    return f"{page}-{window}-{scheme}.png"


def _sheet(pages: Iterable[str]) -> str:
    """The pictures side by side, a row a page."""
    rows = "".join(
        f"<h2>{html.escape(page)}</h2><div>" + "".join(
            f'<a href="{name}"><img loading="lazy" src="{name}" alt="{name}" width="{width // 3}"></a> '
            for window, width in WINDOWS.items() for scheme in SCHEMES for name in [html.escape(_name(page, window, scheme))]
        ) + "</div>" for page in pages)
    return f"<!doctype html><meta charset=utf-8><title>Screenshots</title><style>img{{vertical-align:top;border:1px solid}}</style>{rows}\n"
