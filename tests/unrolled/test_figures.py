"""Pictures of a trace: they show what is in it, in the page's colours, and refuse what is not."""

import re
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

import unrolled as ur
from unrolled import figures
from unrolled.drawing import SVG
from unrolled.palette import LIGHT

UNITS, FEATURES = 3, 2
MASK = np.array([[True] * 4 + [False, False] + [True], [True] * 7])


def weights(kind, units):
    rng = np.random.default_rng(3)
    blocks = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}[kind]
    bias = (2, blocks * units) if kind == "GRU" else (blocks * units,)
    shapes = (FEATURES, blocks * units), (units, blocks * units), bias
    return [rng.normal(size=shape) for shape in shapes]


def trace_of(kind, units=UNITS, mask=None, timesteps=7):
    cell = getattr(ur, f"{kind}Cell")(*weights(kind, units))
    x = np.random.default_rng(4).normal(size=(2, timesteps, FEATURES))
    return ur.unroll(cell, x, mask=mask)


def bare_colours(markup):
    """Colours that would not change in the dark."""
    return re.findall(r"#[0-9a-fA-F]{3,8}\b", re.sub(r"var\(--ur-\w+, #[0-9a-f]{6}\)", "", re.sub(r'"#[^"]*"', "", markup)))


@pytest.fixture
def figure():
    pytest.importorskip("matplotlib").use("agg")
    return draw


def draw(height=1.0):
    import matplotlib.pyplot as plt

    with figures.style():
        fig, axes = plt.subplots()
        axes.plot([0, height], color=LIGHT["forget"], label="forget")
        axes.plot([height, 0])
        axes.text(0.5, 0.5, "black by default", color="black")
        axes.legend()
    return fig


@pytest.mark.parametrize("units", [3, 9], ids=["lines", "strips"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_every_field_of_every_kind_is_shown(kind, mask, units):
    trace = trace_of(kind, units, mask)
    picture = ur.plot(trace)
    ElementTree.fromstring(picture.markup)
    for field in ur.fields.fields_of(kind):
        assert f"var(--ur-{field.colour}, " in picture.markup
        assert field.name.replace("_", " ") in picture.alt
    assert "nan" not in picture.markup
    assert bare_colours(picture.markup) == []
    assert ("Masked steps: 4, 5." in picture.alt) == ("masked: " in picture.markup) == (mask is not None)


def test_lines_stand_where_the_values_are():
    values = np.array([0.0, 0.25, 1.0, 0.5])
    trace = SimpleNamespace(kind="GRU", fields=("update_gate",), hidden=np.zeros((1, 4, 1)), mask=None,
                            update_gate=values.reshape(1, 4, 1))
    picture = ur.plot(trace)
    heights = np.array([float(y) for y in re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', picture.markup)])
    np.testing.assert_allclose((heights[0] - heights) / (heights[0] - heights[2]), values, atol=1e-3)
    assert "update gate 0 to 1" in picture.alt


def test_strips_are_as_strong_as_the_values():
    hidden = np.zeros((1, 2, 5))
    hidden[0, 0], hidden[0, 1] = 1.0, -0.5
    trace = SimpleNamespace(kind="SimpleRNN", fields=("hidden",), hidden=hidden, mask=None)
    strips = re.findall(r'<path d="[^"]*z" style="fill:var\(--ur-(\w+), #\w+\);fill-opacity:([\d.]+)',
                        ur.plot(trace).markup)
    assert strips == [("muted", "0.5"), ("hidden", "1.0")]


def test_nothing_is_drawn_through_masked_gates():
    trace = trace_of("LSTM", mask=MASK)
    line = next(d for d in re.findall(r'<path d="(M[^"]*)" style="fill:none;stroke:var\(--ur-forget', ur.plot(trace).markup))
    assert line.count("M") == 2
    assert line.count("L") == 3, "four steps, a gap, one step"


@pytest.mark.parametrize("units", [2, 8], ids=["lines", "strips"])
def test_what_is_not_finite_is_left_out(units):
    hidden = np.full((1, 3, units), np.nan)
    hidden[0, 1, 0], hidden[0, 2, 0] = np.inf, 0.5
    trace = SimpleNamespace(kind="SimpleRNN", fields=("hidden",), hidden=hidden, mask=np.zeros((1, 3), bool))
    picture = ur.plot(trace)
    assert "hidden 0.5 to 0.5" in picture.alt
    assert not re.search("nan|inf", picture.markup)
    hidden[:] = np.nan
    assert "hidden nowhere" in ur.plot(trace).alt


def test_one_trace_is_plotted_at_a_time():
    with pytest.raises(TypeError, match="trace is tuple, but plot takes one Trace"):
        ur.plot((trace_of("GRU"), trace_of("GRU")))


def test_names_of_lines_never_overlap():
    for ends in ([[50.0, "a"], [50.0, "b"], [51.0, "c"]], [[99.0, "a"], [99.5, "b"], [100.0, "c"], [100.0, "d"]]):
        heights = [y for y, _ in figures._spread(ends, 14, 30.0, 100.0)]
        assert np.diff(heights).min() >= 14 - 1e-9
        assert heights[-1] <= 104.0 + 1e-9


def test_words_stand_for_timesteps():
    words = "the quick brown fox jumps & runs".split()
    markup = ur.plot(trace_of("GRU"), labels=words, title="A fox").markup
    found = re.findall(r">([^<>]+)</tspan>", markup)
    assert set(found) >= {"the", "quick", "&amp;", "A fox"}


def test_the_example_and_the_units_asked_for_are_shown():
    trace = trace_of("LSTM", units=20)
    assert "of 20" in ur.plot(trace).alt
    one = ur.plot(trace, example=1, units=[19], fields="cell")
    assert "example 1, unit 19." in one.alt
    assert f"cell {trace.cell[1, :, 19].min():.2g}" in one.alt
    assert ur.plot(trace, units=2, fields=["kept"]).alt.count("kept") == 1


@pytest.mark.parametrize(("wrong", "message"), [
    ({"example": 2}, "example is 2, but the trace has the examples 0 to 1"),
    ({"units": [0, 3]}, r"units is \[0, 3\], but the trace has the units 0 to 2"),
    ({"units": -1}, "units is -1, but"),
    ({"units": []}, r"units is \[\], but"),
    ({"fields": ["carry"]}, "fields has 'carry', but a GRU trace has update_gate, reset_gate, candidate, hidden"),
    ({"fields": ["x"]}, "fields has 'x', but"),
    ({"fields": []}, "fields is empty"),
    ({"labels": ["a", "b"]}, "labels has 2 words, but the trace has 7 timesteps"),
])
def test_what_is_not_there_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        ur.plot(trace_of("GRU"), **wrong)


def test_a_picture_is_the_same_every_time(figure):
    assert ur.plot(trace_of("LSTM")) == ur.plot(trace_of("LSTM"))
    one, other = (figures.from_matplotlib(figure(), "A line.") for _ in range(2))
    assert one == other


def test_a_matplotlib_figure_follows_the_page(figure):
    picture = figures.from_matplotlib(figure(), "Two lines & a <word>.")
    ElementTree.fromstring(picture.markup)
    assert bare_colours(picture.markup) == []
    assert "var(--ur-forget, " in picture.markup
    assert "var(--ur-ink, " in picture.markup
    assert "date" not in picture.markup.lower()
    assert 'aria-label="Two lines &amp; a &lt;word&gt;."' in picture._repr_html_()


def test_figures_of_one_page_share_no_id(figure):
    ids = [set(re.findall(r'\bid="([^"]+)"', figures.from_matplotlib(figure(h), "A line.").markup)) for h in (1, 2)]
    assert ids[0] and not ids[0] & ids[1]
    markup = figures.from_matplotlib(figure(3), "A line.").markup
    named = re.findall(r'\bid="([^"]+)"', markup)
    assert len(named) == len(set(named))
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', markup)) <= {(n, "") for n in named} | {("", n) for n in named}


def test_a_figure_is_closed_when_it_is_shown(figure, capsys):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    ur.show(figure(), alt="A line.")
    assert plt.get_fignums() == before
    assert "A line." in capsys.readouterr().out


@pytest.mark.parametrize("alt", [None, "", "  "])
def test_a_picture_needs_words(figure, alt):
    with pytest.raises(ValueError, match="alt is .*, but a picture needs a text"):
        ur.show(figure(), alt)
    with pytest.raises(ValueError, match="alt is .*, but a picture needs a text"):
        SVG("<svg/>", alt)


def test_only_pictures_are_shown():
    with pytest.raises(TypeError, match="picture is list, but a Matplotlib Figure"):
        ur.show([1, 2], alt="A list.")


def test_a_saved_picture_needs_no_style_sheet(tmp_path):
    picture = ur.plot(trace_of("LSTM"))
    picture.save(tmp_path / "trace.svg")
    text = (tmp_path / "trace.svg").read_text(encoding="utf-8")
    assert "var(" not in text
    assert LIGHT["forget"] in text
    ElementTree.fromstring(text)
