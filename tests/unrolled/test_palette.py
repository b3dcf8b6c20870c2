"""The palette can be read on both pages, and told apart by readers who do not see red or green."""

from itertools import combinations

import numpy as np
import pytest

from unrolled.palette import DARK, LIGHT, LINESTYLE, MARKER, MEANINGS, css_variable

# Linear RGB as seen with normal vision, without green cones, without red cones (Machado et al. 2009, severity 1).
VISION = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    value = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return float(TO_XYZ[1] @ linear(colour))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lab(colour, vision):
    xyz = TO_XYZ @ np.clip(VISION[vision] @ linear(colour), 0, 1) / (0.95047, 1, 1.08883)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_of_known_pairs():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", [*MEANINGS, "ink", "muted", "accent"])
def test_every_colour_can_be_read_as_text(palette, name):
    assert contrast(palette[name], palette["paper"]) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("vision", VISION)
def test_meanings_stay_apart(palette, vision):
    for one, other in combinations(MEANINGS, 2):
        distance = np.linalg.norm(lab(palette[one], vision) - lab(palette[other], vision))
        assert distance >= 12, f"{one} and {other} are {distance:.1f} apart with {vision}"


def test_papers_are_the_pages():
    assert (LIGHT["paper"], DARK["paper"]) == ("#ffffff", "#121212")


def test_the_tables_name_the_same_things():
    assert list(LIGHT) == list(DARK)
    assert set(LINESTYLE) == set(MARKER) == set(MEANINGS) < set(LIGHT)
    assert len({str(style) for style in MARKER.values()}) == len(MARKER)


def test_css_variable():
    assert css_variable("forget") == f"var(--ur-forget, {LIGHT['forget']})"
    with pytest.raises(ValueError, match="name is 'blue', but the palette has: forget, input"):
        css_variable("blue")
