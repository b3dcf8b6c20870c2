"""The README's picture is the one that the package draws, and stands on its own."""

import re
import xml.etree.ElementTree as ElementTree

from sitekit.picture import TARGET, draw
from unrolled.palette import DARK, LIGHT


def test_the_file_is_what_the_package_draws_now():
    assert TARGET.read_text(encoding="utf-8") == draw(), "draw it anew: python -m sitekit.picture"


def test_it_has_its_own_colours_in_light_and_dark():
    picture = TARGET.read_text(encoding="utf-8")
    ElementTree.fromstring(picture)
    used = set(re.findall(r"var\(--ur-(\w+)", picture))
    light, dark = re.search(r"<style>(.*?)@media\(prefers-color-scheme:dark\)(.*?)</style>", picture).groups()
    assert used
    for name in used:
        assert f"--ur-{name}:{LIGHT[name]};" in light and f"--ur-{name}:{DARK[name]};" in dark


def test_the_readme_shows_it():
    assert "docs/_static/lstm.svg" in (TARGET.parents[2] / "README.md").read_text(encoding="utf-8")
