"""The finished site on this machine: compressed, a page of its own for a wrong address; what is said when something is missing."""

import gzip
import urllib.error
import urllib.request

import pytest

from sitekit import browsing, lighthouse, screenshots


@pytest.fixture
def site(tmp_path):
    (tmp_path / "_sources").mkdir()
    (tmp_path / "_sources" / "index.md").write_text("# T\n", encoding="utf-8")
    (tmp_path / "index.html").write_text("<h1>Home</h1>" + "word " * 1000, encoding="utf-8")
    (tmp_path / "404.html").write_text("no such page", encoding="utf-8")
    return tmp_path


def test_pages_come_compressed_and_a_wrong_address_gets_the_sites_page(site):
    with browsing.served(site) as address:
        asked = urllib.request.Request(f"{address}/index.html", headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(asked) as answer:
            sent = answer.read()
        assert len(sent) < 1000 and gzip.decompress(sent).startswith(b"<h1>Home</h1>")
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(f"{address}/nowhere.html")
        assert error.value.code == 404 and error.value.read() == b"no such page"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address)


def test_a_browser_can_be_named(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "sh")
    assert browsing.find_chromium().endswith("/sh")


@pytest.mark.parametrize(("pages", "says"), [(["layers/lstn"], "no page layers/lstn; there are index"), ([], "no Chromium found")])
def test_screenshots_say_what_is_missing(site, monkeypatch, capsys, pages, says):
    monkeypatch.setattr(screenshots, "find_chromium", lambda: None)
    assert screenshots.photograph(site, site / "shots", pages) == 1
    assert says in capsys.readouterr().out


def test_screenshots_of_a_site_that_is_not_built(tmp_path, capsys):
    assert screenshots.photograph(tmp_path / "html", tmp_path) == 1
    assert "is not built: make html" in capsys.readouterr().out


def test_lighthouse_says_what_it_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lighthouse.shutil, "which", lambda name: None)
    assert lighthouse.judge(tmp_path / "html", tmp_path) == 1
    assert "lighthouse needs Node.js (npx), " in capsys.readouterr().out


def test_a_score_that_is_too_low_fails(site, monkeypatch, capsys):
    monkeypatch.setattr(lighthouse.shutil, "which", lambda name: "npx")
    monkeypatch.setattr(lighthouse, "find_chromium", lambda: "chromium")
    monkeypatch.setattr(lighthouse, "_scores", lambda npx, chromium, address, report: {"Performance": 97, "SEO": 98})
    assert lighthouse.judge(site, site / "out", ["index"]) == 1
    assert "index: Performance is 97, not 98" in capsys.readouterr().out
