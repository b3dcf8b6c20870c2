"""The palette as CSS: both schemes, the same names, and enough contrast to read."""

import pytest

from sitekit.palette_css import palette_css


def test_both_palettes_are_written_under_the_themes_selectors():
    css = palette_css({"forget": "#9a3412"}, {"forget": "#fdba74"})
    light, dark = css.split("html[data-theme=dark]")
    assert ":root, html[data-theme=light]" in light and "--ur-forget: #9a3412;" in light
    assert "--ur-forget: #fdba74;" in dark


def test_a_name_in_one_palette_only_is_refused():
    with pytest.raises(ValueError, match="one only: cell"):
        palette_css({"forget": "#000000", "cell": "#000000"}, {"forget": "#ffffff"})


def test_the_file_is_written_and_linked(project):
    from unrolled.palette import DARK, LIGHT

    project.extensions += ["sitekit.palette_css"]
    project.write(index="# T\n")
    assert project.build() == ""
    css = (project.out / "_static" / "palette.css").read_text()
    assert f"--ur-cell: {LIGHT['cell']};" in css and f"--ur-cell: {DARK['cell']};" in css
    assert "_static/palette.css" in project.html("index")
