"""One style sheet: what pages and scripts use stays, in its order; the rest goes."""

from sitekit.stylesheet import FILENAME, named_in, without_unused


def test_rules_for_classes_that_nothing_names_are_left_out():
    css = ".used { color: red } .unused { color: blue } .used .unused { margin: 0 } .used, .unused { padding: 0 } p { margin: 1px }"
    assert without_unused(css, {"used"}) == ".used{color:red}.used,.unused{padding:0}p{margin:1px}"


def test_names_are_found_in_pages_and_in_what_a_script_may_write(tmp_path):
    (tmp_path / "a.html").write_text("<p class=\"one two-2\" id='three'>four</p>", encoding="utf-8")
    (tmp_path / "b.js").write_text("e.classList.add('five'); e.className = `six ${seven}`;", encoding="utf-8")
    names = named_in([tmp_path / "a.html", tmp_path / "b.js"])
    assert {"one", "two-2", "three", "five", "six"} <= names and "four" not in names


def test_the_themes_the_extensions_and_the_sites_own_are_one_file_in_their_order(project):
    project.extensions += ["sitekit.stylesheet", "sphinx_design"]
    folder = project.source / "_static"
    folder.mkdir()
    (folder / "ours.css").write_text(".sd-card { color: #012345 } .nowhere { color: #543210 }", encoding="utf-8")
    project.options |= {"html_theme": "sphinx_book_theme", "html_static_path": ["_static"], "html_css_files": ["ours.css"],
                        "myst_enable_extensions": ["colon_fence"]}
    project.write(index="# T\n\n```python\nprint(1)\n```\n\n:::{card} A card\nwords\n:::\n")
    assert project.build() == ""
    css = (project.out / "_static" / FILENAME).read_text(encoding="utf-8")
    last = css.index("#012345")
    assert 0 < css.index(".bd-article") < css.index(".sd-card") < last, "the last word is ours"
    assert "html[data-theme=dark] .highlight" in css.replace('"', ""), "the colours of code, which the theme writes last"
    assert ".nowhere" not in css
    assert len(css) < sum(path.stat().st_size for path in (project.out / "_static").rglob("*.css")) / 2
