"""The sitemap names every page, also when a build wrote few of them."""

import re


def links(project) -> list[str]:
    return re.findall(r"<loc>https://example.org/(.*?)</loc>", (project.out / "sitemap.xml").read_text(encoding="utf-8"))


def test_pages_that_were_not_written_again_stay_in_the_sitemap(project):
    project.extensions += ["sitekit.sitemap"]
    project.options.update(html_baseurl="https://example.org/", sitemap_url_scheme="{link}", sitemap_excludes=["search.html", "genindex.html"])
    project.write(index="# T\n\n```{toctree}\na\nb\n```\n", a="# A\n", b="# B\n")
    assert project.build() == ""
    assert links(project) == ["a.html", "b.html", "index.html"]
    project.write(b="# B\n\nMore.\n")
    assert project.build() == ""
    assert project.read == ["b"]
    assert links(project) == ["a.html", "b.html", "index.html"]


def test_a_page_that_is_gone_leaves_it(project):
    project.extensions += ["sitekit.sitemap"]
    project.options.update(html_baseurl="https://example.org/", sitemap_url_scheme="{link}", sitemap_excludes=["search.html", "genindex.html"])
    project.write(index="# T\n", a="---\norphan: true\n---\n# A\n")
    project.build()
    (project.source / "a.md").unlink()
    project.build()
    assert links(project) == ["index.html"]
