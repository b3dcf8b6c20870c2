"""The sitemap names every page, also when a build wrote few of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
CONF = f"""
import sys
sys.path.insert(0, {str(SRC)!r})
extensions = ["myst_parser", "sitekit.sitemap"]
html_theme = "basic"
html_baseurl = "https://example.org/"
sitemap_url_scheme = "{{link}}"
sitemap_excludes = ["search.html", "genindex.html"]
"""


@pytest.fixture
def build(project):
    """Build in a process of its own, as sphinx_sitemap forks one, which a process with threads should not; what it says."""
    (project.source / "conf.py").write_text(CONF, encoding="utf-8")

    def build() -> str:
        command = [sys.executable, "-m", "sphinx", "-W", "--no-color", project.source, project.out]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    return build


def links(project) -> list[str]:
    return re.findall(r"<loc>https://example.org/(.*?)</loc>", (project.out / "sitemap.xml").read_text(encoding="utf-8"))


def test_pages_that_were_not_written_again_stay_in_the_sitemap(project, build):
    project.write(index="# T\n\n```{toctree}\na\nb\n```\n", a="# A\n", b="# B\n")
    build()
    assert links(project) == ["a.html", "b.html", "index.html"]
    project.write(b="# B\n\nMore.\n")
    assert "0 added, 1 changed, 0 removed" in build()
    assert links(project) == ["a.html", "b.html", "index.html"]


def test_a_page_that_is_gone_leaves_it(project, build):
    project.write(index="# T\n", a="---\norphan: true\n---\n# A\n")
    build()
    (project.source / "a.md").unlink()
    build()
    assert links(project) == ["index.html"]
