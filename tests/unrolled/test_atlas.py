"""The atlas: each slice is the gate it says, in the live layer; the picture shows what the weights hold."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import unrolled as ur
from unrolled.palette import css_variable

SVG = "{http://www.w3.org/2000/svg}"
FEATURES, UNITS = 2, 3
KINDS = {"SimpleRNN": ("SimpleRNN", {}), "LSTM": ("LSTM", {}), "GRU": ("GRU", {}),
         "GRU reset before": ("GRU", {"reset_after": False})}
each = pytest.mark.parametrize("kind", KINDS)


def _layer(kind, units=UNITS, random=True, **options):
    import keras

    name, given = KINDS[kind]
    layer = getattr(keras.layers, name)(units, dtype="float64", **given, **options)
    layer.build((None, None, FEATURES))
    if random:
        rng = np.random.default_rng(0)
        layer.set_weights([rng.uniform(0.2, 1, w.shape) for w in layer.get_weights()])
    return layer


def _sums(layer, x, h0):
    """What each gate adds up at the first step; the candidate with an open reset gate, which else would act on it."""
    def trace():
        states = (h0, h0) if type(layer).__name__ == "LSTM" else h0
        return ur.trace(layer, x, initial_state=states)

    first = trace()
    sums = {name: getattr(first, f"{name}_pre")[:, 0] for name in first.fields if hasattr(first, f"{name}_pre")}
    if type(layer).__name__ == "GRU":
        weights = layer.get_weights()
        opened = [w.copy() for w in weights]
        opened[2].reshape(-1, 3 * UNITS)[0, UNITS:2 * UNITS] = 1000
        layer.set_weights(opened)
        sums["candidate"] = trace().candidate_pre[:, 0]
        layer.set_weights(weights)
    return sums


@each
def test_a_slice_switched_off_moves_its_gate_alone(kind):
    layer, rng = _layer(kind), np.random.default_rng(1)
    x, h0 = rng.uniform(0.2, 1, (2, 1, FEATURES)), rng.uniform(0.2, 1, (2, UNITS))
    names, weights = ("kernel", "recurrent_kernel", "bias"), layer.get_weights()
    before = _sums(layer, x, h0)
    for part in ur.atlas(layer).slices:
        changed = [w.copy() for w in weights]
        changed[names.index(part.weight)][part.index] = 0
        layer.set_weights(changed)
        after = _sums(layer, x, h0)
        assert {name for name in before if (before[name] != after[name]).any()} == {part.field}, part.expression
        assert (before[part.field] != after[part.field]).all(), part.expression
        layer.set_weights(weights)


@each
def test_the_slices_are_the_whole_layer_once(kind):
    layer = _layer(kind)
    weights = dict(zip(("kernel", "recurrent_kernel", "bias"), layer.get_weights()))
    seen = {name: np.zeros(w.shape, int) for name, w in weights.items()}
    for part in ur.atlas(layer).slices:
        seen[part.weight][part.index] += 1
        assert weights[part.weight][part.index].shape == part.shape
    assert all((count == 1).all() for count in seen.values())


@each
def test_the_code_gives_the_same_parts(kind):
    layer = _layer(kind)
    atlas, found = ur.atlas(layer), {"layer": layer}
    exec(atlas.code, found)
    weights = dict(zip(("kernel", "recurrent_kernel", "bias"), layer.get_weights()))
    assert len({part.name for part in atlas.slices}) == len(atlas.slices)
    for part in atlas.slices:
        expected = weights[part.weight][part.index]
        assert np.array_equal(found[part.name], expected), part.name
        assert np.array_equal(eval(part.expression, dict(weights, units=UNITS)), expected)


def test_the_names_are_those_of_the_equations():
    names = [part.name for part in ur.atlas(_layer("GRU")).slices]
    assert names == ["W_z", "W_r", "W_h", "U_z", "U_r", "U_h", "b_z", "d_z", "b_r", "d_r", "b_h", "d_h"]
    assert [part.name for part in ur.atlas(_layer("SimpleRNN")).slices] == ["W", "U", "b"]


def test_a_layer_without_bias_has_none():
    layer = _layer("LSTM", use_bias=False)
    assert {part.weight for part in ur.atlas(layer).slices} == {"kernel", "recurrent_kernel"}
    assert ur.atlas(layer).code.startswith("kernel, recurrent_kernel = layer.get_weights()\n")


def test_a_half_of_a_bidirectional_and_a_layer_of_a_cell_have_one():
    import keras

    both = keras.layers.Bidirectional(keras.layers.GRU(2))
    both.build((None, None, 3))
    assert len(ur.atlas(both.backward_layer).slices) == 12
    around = keras.layers.RNN(keras.layers.LSTMCell(2))
    around.build((None, None, 3))
    assert len(ur.atlas(around).slices) == 12


def test_what_has_no_atlas_says_why():
    import keras

    with pytest.raises(ValueError, match="is not built yet, so it has no weights"):
        ur.atlas(keras.layers.LSTM(3))
    with pytest.raises(TypeError):
        ur.atlas(keras.layers.Dense(3))
    both = keras.layers.Bidirectional(keras.layers.GRU(2))
    both.build((None, None, 3))
    with pytest.raises(TypeError, match="is a Bidirectional, which holds two cells: pass layer.forward_layer"):
        ur.atlas(both)


# The picture


def _root(atlas):
    return ElementTree.fromstring(atlas.picture.markup)


@each
@pytest.mark.parametrize("units", [1, 3, 64])
def test_everything_lies_on_the_sheet_in_the_palettes_colours(kind, units):
    picture = ur.atlas(_layer(kind, units)).picture
    root = ElementTree.fromstring(picture.markup)
    width, height = float(root.get("width")), float(root.get("height"))
    for box in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(box.get(k)) for k in ("x", "y", "width", "height"))
        assert 0 <= x and x + w <= width and 0 <= y and y + h <= height
    assert all(0 <= float(text.get("y")) <= height for text in root.iter(f"{SVG}text"))
    bare = re.sub(r"var\(--ur-\w+, #[0-9a-f]{6}\)", "", picture.markup)
    assert "#" not in bare and 'id="' not in bare
    assert "role=\"img\"" in ur.atlas(_layer(kind, units))._repr_html_()


def test_a_box_a_number_as_strong_as_the_number():
    """A new LSTM: its bias is 1 in the forget gate and 0 elsewhere, so it alone has boxes there."""
    layer = _layer("LSTM", random=False)
    kernel, recurrent, _ = layer.get_weights()
    layer.set_weights([np.zeros_like(kernel), np.zeros_like(recurrent), layer.get_weights()[2]])
    filled = [box.get("style") for box in _root(ur.atlas(layer)).iter(f"{SVG}rect") if "fill-opacity" in box.get("style")]
    assert len(filled) == UNITS and all(css_variable("forget") in style and "fill-opacity:0.8" in style for style in filled)


def test_a_bar_marks_each_negative_number():
    layer = _layer("GRU")
    positive = len(list(_root(ur.atlas(layer)).iter(f"{SVG}path")))
    weights = layer.get_weights()
    weights[0][0, :4] *= -1
    layer.set_weights(weights)
    assert (positive, len(list(_root(ur.atlas(layer)).iter(f"{SVG}path")))) == (0, 4)


def test_a_large_weight_is_drawn_as_areas():
    root = _root(ur.atlas(_layer("LSTM", units=64)))
    words = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert len(list(root.iter(f"{SVG}rect"))) == 12 and words.count("64 × 64") == 4


def test_the_picture_in_words():
    alt = ur.atlas(_layer("GRU")).picture.alt
    assert "bias of shape (2, 9), an input row and a recurrent row" in alt
    assert "From left to right, 3 columns each: update gate, reset gate, candidate." in alt
