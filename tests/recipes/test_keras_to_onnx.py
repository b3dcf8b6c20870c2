"""keras_to_onnx.py: what it writes runs in ONNX Runtime and equals Keras; what it cannot write, it refuses."""

import json

import pytest

RECIPE = "keras_to_onnx.py"

#: Run in a folder with the recipe alone: writes models to ONNX, and prints the largest difference of each.
COMPARE = """
import json
import numpy as np, onnxruntime
onnxruntime.set_default_logger_severity(4)
import keras
from keras import layers as L
from onnx.reference import ReferenceEvaluator
from keras_to_onnx import keras_to_onnx

rng = np.random.default_rng(0)
CELLS = {"SimpleRNN": (L.SimpleRNN, {}), "LSTM": (L.LSTM, {}), "GRU": (L.GRU, {}),
         "GRU reset before": (L.GRU, {"reset_after": False})}


def difference(stack, dtype="float32", embed=True):
    first = [keras.Input((None,), dtype="int32"), L.Embedding(9, 3)] if embed else [keras.Input((None, 3))]
    model = keras.Sequential([*first, *stack])
    model.set_weights([rng.normal(size=w.shape) * 0.7 for w in model.get_weights()])
    written = keras_to_onnx(model, "model.onnx")
    if dtype == "float32":
        session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    else:
        session = ReferenceEvaluator(written)
    worst = 0.0
    for batch, timesteps in ((1, 1), (2, 7), (5, 4)):  # both axes stay open
        x = (rng.integers(0, 9, (batch, timesteps)).astype("int32") if embed
             else rng.normal(size=(batch, timesteps, 3)).astype(dtype))
        expected = np.asarray(model(x))
        found = session.run(None, {"input": x})[0]
        assert found.shape == expected.shape and found.dtype == expected.dtype == dtype, (found.shape, expected.shape)
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst


results = {}
for dtype in ("float32", "float64"):
    keras.config.set_dtype_policy(dtype)
    for name, (kind, options) in CELLS.items():
        for both in (False, True):
            for depth, sequences in ((1, False), (2, True)):
                wrap = L.Bidirectional if both else (lambda layer: layer)
                units = rng.integers(1, 7, 2)
                stack = [wrap(kind(int(u), return_sequences=k + 1 < depth or sequences, **options))
                         for k, u in zip(range(depth), units)]
                stack += [L.Dropout(0.5), L.Dense(3, activation="softmax")]
                case = f"{dtype}, {name}, {'two ways' if both else 'one way'}, {depth} deep, sequences={sequences}"
                results[case] = difference(stack, dtype)
keras.config.set_dtype_policy("float32")
results["from features"] = difference([L.LSTM(4), L.Dense(2)], embed=False)
results["no bias"] = difference([L.GRU(4, use_bias=False), L.Dense(2, use_bias=False)])
for sequences in (False, True):
    results[f"backwards, sequences={sequences}"] = difference(
        [L.LSTM(4, go_backwards=True, return_sequences=sequences), L.Dense(2)])
    for mode in ("sum", "ave", "mul"):
        results[f"merge {mode}, sequences={sequences}"] = difference(
            [L.Bidirectional(L.GRU(4, return_sequences=sequences), merge_mode=mode)])
for inner in ("relu", "linear", "softsign", "hard_sigmoid"):
    results[f"activation {inner}"] = difference([L.SimpleRNN(4, activation=inner)])
    results[f"gates {inner}"] = difference([L.LSTM(4, recurrent_activation=inner, activation="softsign")])
# ONNX gives alpha and beta in order to those that take them: two directions show whether they are counted right.
results["gates hard_sigmoid, both directions"] = difference([L.Bidirectional(L.GRU(4, recurrent_activation="hard_sigmoid"))])
for outer in ("relu", "sigmoid", "tanh", "linear"):
    results[f"dense {outer}"] = difference([L.GRU(4), L.Dense(3, activation=outer)])
tokens = keras.Input((None,), dtype="int32")
chained = keras.Model(tokens, L.Dense(2)(L.LSTM(3)(L.Embedding(9, 4)(tokens))))
keras_to_onnx(chained)
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def differences(alone):
    folder = alone(RECIPE)
    (folder.folder / "compare.py").write_text(COMPARE, encoding="utf-8")
    done = folder.python("compare.py")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_it_equals_keras_in_float32(differences):
    found = {case: d for case, d in differences.items() if not case.startswith("float64")}
    assert len(found) == 16 + 2 + 2 + 6 + 9 + 4
    assert {case: d for case, d in found.items() if not d <= 1e-5} == {}


def test_it_equals_keras_in_float64(differences):
    found = {case: d for case, d in differences.items() if case.startswith("float64")}
    assert len(found) == 16
    assert {case: d for case, d in found.items() if not d <= 1e-12} == {}


def test_from_a_shell(alone):
    folder = alone(RECIPE)
    make = ("import keras; from keras import layers as L; "
            "keras.Sequential([keras.Input((None,), dtype='int32'), L.Embedding(5, 2), L.LSTM(3)]).save('good.keras'); "
            "keras.Sequential([keras.Input((None, 4)), L.LSTM(3, stateful=False), L.LayerNormalization()]).save('bad.keras')")
    assert folder.python("-c", make).returncode == 0
    done = folder.forked("good.keras", "good.onnx")
    assert done.returncode == 0 and (folder.folder / "good.onnx").stat().st_size > 200
    refused = folder.forked("bad.keras", "bad.onnx")
    assert refused.returncode == 1 and not (folder.folder / "bad.onnx").exists()
    assert "error: layer 'layer_normalization' cannot be written as ONNX: a LayerNormalization is none of" in refused.stderr
    assert "usage: python keras_to_onnx.py" in folder.forked().stderr


# What it refuses


def _sequential(*layers, **embedding):
    import keras

    return keras.Sequential([keras.Input((None,), dtype="int32"), keras.layers.Embedding(5, 2, **embedding), *layers])


def _L():
    from keras import layers

    return layers


def _two_readers():
    import keras

    tokens = keras.Input((None,), dtype="int32")
    rows = _L().Embedding(5, 2)(tokens)
    return keras.Model(tokens, _L().Add()([_L().LSTM(3)(rows), _L().GRU(3)(rows)]))


def _not_finite():
    model = _sequential(_L().LSTM(3))
    weights = model.get_weights()
    weights[1][0, 0] = float("nan")
    model.set_weights(weights)
    return model


REFUSED = {
    "mask": (lambda: _sequential(_L().LSTM(3), mask_zero=True), "mask_zero=True makes Keras skip padded steps"),
    "mask, what to do": (lambda: _sequential(_L().LSTM(3), mask_zero=True), "Copy the weights into a model with mask_zero=False"),
    "layer": (lambda: _sequential(_L().LSTM(3), _L().LayerNormalization()), "a LayerNormalization is none of Embedding, SimpleRNN"),
    "activation": (lambda: _sequential(_L().LSTM(3, activation="gelu")), "its activation 'gelu' is none of tanh, sigmoid"),
    "dense activation": (lambda: _sequential(_L().LSTM(3), _L().Dense(2, activation="gelu")), "its activation 'gelu' is none of linear"),
    "merge": (lambda: _sequential(_L().Bidirectional(_L().LSTM(3), merge_mode=None)), "merge_mode=None gives two outputs"),
    "backwards": (lambda: _sequential(_L().Bidirectional(_L().LSTM(3, go_backwards=True), backward_layer=_L().LSTM(3))), "leave it off inside a Bidirectional"),
    "two readers": (_two_readers, "is no chain of layers"),
    "float16": (lambda: _sequential(_L().LSTM(3, dtype="float16")), "the model computes in float16, float32"),
    "mixed": (lambda: _sequential(_L().LSTM(3, dtype="mixed_float16")), "the model computes in float16, float32"),
    "nan": (_not_finite, "holds NaN or infinity"),
    "convolution": (lambda: _sequential(_L().RNN(_L().LSTMCell(3))), "a RNN is none of"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_cannot_write_it_refuses(module, case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError) as raised:
        module.keras_to_onnx(make())
    assert message in str(raised.value)


def test_states_that_are_returned_or_kept_are_refused(module):
    import keras

    L = _L()
    returning = keras.Sequential([keras.Input((None, 2)), L.LSTM(3, return_state=True)])
    with pytest.raises(ValueError, match="return_state=True gives several outputs; build the same model without it"):
        module.keras_to_onnx(returning)
    keeping = keras.Sequential([keras.Input(batch_shape=(1, None, 2)), L.LSTM(3, stateful=True)])
    with pytest.raises(ValueError, match="stateful=True keeps states between calls"):
        module.keras_to_onnx(keeping)


def test_what_is_no_built_model_is_refused(module):
    import keras

    with pytest.raises(TypeError, match="model is a LSTM, but a keras.Model was expected"):
        module.keras_to_onnx(_L().LSTM(3))
    with pytest.raises(ValueError, match="is not built yet: call it once, or give it an Input"):
        module.keras_to_onnx(keras.Sequential([_L().LSTM(3)]))
