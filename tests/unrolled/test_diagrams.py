"""The drawn diagrams: well-formed, right in light and dark, and with words for who cannot see them."""

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

import unrolled as ur
from unrolled.diagrams import DIAGRAMS

SVG = "{http://www.w3.org/2000/svg}"

each = pytest.mark.parametrize("name", DIAGRAMS)


def words(name):
    root = ElementTree.fromstring(ur.diagram(name).markup)
    return ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]


@each
def test_well_formed_with_a_text_alternative(name):
    picture = ur.diagram(name)
    root = ElementTree.fromstring(picture.markup)
    assert root.find(f"{SVG}title").text in picture.alt
    assert len(root.find(f"{SVG}desc").text) > 40
    assert 'role="img" aria-label="' in picture._repr_html_()
    assert picture.markup.startswith("<svg") and "max-width:100%;height:auto" in picture.markup


@each
def test_colours_are_the_palettes_variables(name):
    bare = re.sub(r"var\(--ur-\w+, #[0-9a-f]{6}\)", "", ur.diagram(name).markup)
    assert "#" not in bare
    assert not re.search(r"(fill|stroke):(?!none|;|\"|var)[a-z]", bare)


@each
def test_no_ids_to_clash(name):
    assert not re.search(r'\bid="', ur.diagram(name).markup)


@each
def test_the_same_every_time(name):
    assert ur.diagram(name) == ur.diagram(name)


@each
def test_everything_lies_on_the_sheet(name):
    root = ElementTree.fromstring(ur.diagram(name).markup)
    left, top, width, height = map(float, root.get("viewBox").split())
    assert (width, height) == (float(root.get("width")), float(root.get("height")))
    for shape in root:
        x, y = (shape.get("x") or shape.get("cx")), (shape.get("y") or shape.get("cy"))
        if x is not None:
            half = float(shape.get("r") or 0)
            assert left <= float(x) - half and float(x) + max(half, float(shape.get("width") or 0)) <= left + width
            assert top <= float(y) - half and float(y) + max(half, float(shape.get("height") or 0)) <= top + height


@each
def test_no_wide_empty_margin_above_or_below(name):
    root = ElementTree.fromstring(ur.diagram(name).markup)
    _, top, _, height = map(float, root.get("viewBox").split())
    shapes = [s for s in root if s.get("y") or s.get("cy")]
    ys = [float(s.get("y") or s.get("cy")) for s in shapes]
    ends = [y + float(s.get("height") or s.get("r") or 0) for y, s in zip(ys, shapes)]
    assert min(ys) - top <= 24 and top + height - max(ends) <= 24


@each
def test_boxes_never_overlap(name):
    root = ElementTree.fromstring(ur.diagram(name).markup)
    boxes = [[float(r.get(k)) for k in ("x", "y", "width", "height")] for r in root.iter(f"{SVG}rect")]
    for one, other in combinations([b for b in boxes if b[2] < 150], 2):
        apart = (one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
                 or one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1])
        assert apart, f"{one} and {other}"


@pytest.mark.parametrize(("name", "kind"), [("lstm", "LSTM"), ("gru", "GRU")])
def test_a_cell_shows_each_gate_by_symbol_name_and_colour(name, kind):
    markup, shown = ur.diagram(name).markup, words(name)
    for field in ur.fields.fields_of(kind):
        assert f"var(--ur-{field.colour}, " in markup
        if field.keras_slice:
            assert field.name.replace("_", " ") in shown
    assert any(word.startswith("1−") for word in shown) == (name == "gru")


@each
def test_the_words_for_who_cannot_see_it_name_all_that_is_written_in_it(name):
    """Each gate, each part and each caption."""
    picture = ur.diagram(name)
    legend = {"product, unit by unit", "sum"}  # the words say what is multiplied and what is added
    said = picture.alt.lower()
    for text in set(words(name)) - legend:
        if re.search(r"[A-Za-z]{3}", text):
            assert text.lower() in said, text


@pytest.mark.parametrize(("name", "kind"), [("lstm", "LSTM"), ("gru", "GRU"), ("simple-rnn", "SimpleRNN")])
def test_the_words_of_a_cell_name_its_gates_by_name_and_symbol(name, kind):
    said = ur.diagram(name).alt
    for field in ur.fields.fields_of(kind):
        assert field.name.replace("_", " ") in said, field.name
        assert re.search(rf"\b{field.plain}(?!\w)", said), field.plain
    assert all(word in said for word in {"lstm": ["sigmoid", "tanh", "sum"], "gru": ["sigmoid", "tanh", "1 − z"]}.get(name, ["tanh", "bias b"]))


def test_the_tasks_are_all_on_one_picture():
    assert set(words("tasks")) >= {"one to one", "one to many", "many to one", "many to many", "many to many, aligned"}


@pytest.mark.parametrize("name", ["LSTM cell", "", None, "transformer"])
def test_an_unknown_name_lists_those_there_are(name):
    with pytest.raises(ValueError, match=r"name is .*, but there are the diagrams: unrolled, simple-rnn, lstm, gru"):
        ur.diagram(name)
