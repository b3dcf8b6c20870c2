"""keras_to_c.py: what it writes compiles without a warning and equals Keras; what it cannot write, it refuses."""

import json
import shutil
import subprocess

import pytest

RECIPE = "keras_to_c.py"

#: Run in a folder with the recipe alone: writes, compiles and runs models, and prints the largest differences.
COMPARE = """
import json, subprocess
import keras, numpy as np
from keras import layers as L
from keras_to_c import keras_to_c

rng = np.random.default_rng(0)
CELLS = {"SimpleRNN": (L.SimpleRNN, {}), "LSTM": (L.LSTM, {}), "GRU": (L.GRU, {}),
         "GRU reset before": (L.GRU, {"reset_after": False})}
WARN = "-O2 -Wall -Wextra -Werror -pedantic -std=c99".split()


def difference(stack, real=None, **embedding):
    model = keras.Sequential([keras.Input((None,), dtype="int32"), L.Embedding(9, 3, **embedding), *stack])
    model.set_weights([rng.normal(size=w.shape) * 0.7 for w in model.get_weights()])
    keras_to_c(model, "model.c", real)
    subprocess.run(["cc", *WARN, "model.c", "-o", "model", "-lm"], check=True)
    worst = 0.0
    for timesteps in (1, 7):
        x = rng.integers(1, 9, timesteps)
        expected = np.asarray(model(x[None]))[0]
        done = subprocess.run(["./model", *map(str, x)], check=True, capture_output=True, text=True)
        found = [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
        if expected.ndim == 1:
            [found] = found
        worst = max(worst, float(np.abs(np.subtract(found, expected)).max()))
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
                results[case] = difference(stack)
keras.config.set_dtype_policy("float32")
results["a float32 model in double"] = difference([L.GRU(4)], real="double")
results["no bias"] = difference([L.GRU(4, use_bias=False), L.LSTM(4), L.Dense(2, use_bias=False)][::2])
results["mask of which no step is padding"] = difference([L.Bidirectional(L.LSTM(4)), L.Dense(2)], mask_zero=True)
for inner in ("relu", "linear", "softsign", "hard_sigmoid"):
    results[f"activation {inner}"] = difference([L.SimpleRNN(4, activation=inner)])
    results[f"gates {inner}"] = difference([L.LSTM(4, recurrent_activation=inner, activation="softsign")])
for outer in ("relu", "sigmoid", "tanh", "linear"):
    results[f"dense {outer}"] = difference([L.GRU(4), L.Dense(3, activation=outer)])
print(json.dumps(results))
"""


@pytest.fixture(scope="module", autouse=True)
def compiler():
    assert shutil.which("cc"), "no C compiler found as `cc`: install one, such as gcc or clang"


@pytest.fixture(scope="module")
def differences(alone):
    folder = alone(RECIPE)
    (folder.folder / "compare.py").write_text(COMPARE, encoding="utf-8")
    done = folder.python("compare.py")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_it_equals_keras_in_float(differences):
    found = {case: d for case, d in differences.items() if not case.startswith("float64")}
    assert len(found) == 16 + 3 + 8 + 4
    assert {case: d for case, d in found.items() if not d <= 1e-5} == {}


def test_it_equals_keras_in_double(differences):
    found = {case: d for case, d in differences.items() if case.startswith("float64")}
    assert len(found) == 16
    assert {case: d for case, d in found.items() if not d <= 1e-12} == {}


# The program


@pytest.fixture(scope="module")
def program(alone):
    """A model of 9 tokens, written from a shell, compiled; run it with words and an input."""
    folder = alone(RECIPE)
    make = ("import keras; from keras import layers as L; keras.utils.set_random_seed(0); "
            "keras.Sequential([keras.Input((None,), dtype='int32'), L.Embedding(9, 2), L.LSTM(3), L.Dense(2)])"
            ".save('model.keras')")
    assert folder.python("-c", make).returncode == 0
    done = folder.forked("model.keras", "model.c")
    assert done.returncode == 0, done.stderr
    subprocess.run(["cc", "-std=c99", "model.c", "-o", "model", "-lm"], cwd=folder.folder, check=True)
    return lambda *words, text="": subprocess.run(["./model", *words], cwd=folder.folder, input=text, text=True,
                                                  capture_output=True, timeout=60)


def test_arguments_and_input_are_the_same(program):
    from_arguments = program("3", "1", "4")
    assert from_arguments.returncode == 0 and len(from_arguments.stdout.split()) == 2
    assert program(text="3 1\n 4\n").stdout == from_arguments.stdout != program("3", "1", "5").stdout


def test_a_long_sequence_is_read_to_its_end(program):
    many = ["7"] * 999
    done = program(text=" ".join(many))
    assert done.returncode == 0 and done.stdout == program(*many).stdout


@pytest.mark.parametrize(("words", "text", "message"), [
    ((), "", "no tokens: give them as arguments or as input, as in 3 1 4"),
    ((), " \n ", "no tokens: give them as arguments or as input, as in 3 1 4"),
    (("3", "x"), "", "not a whole number: x"),
    (("3.5",), "", "not a whole number: 3.5"),
    (("",), "", "not a whole number: "),
    ((), "3 nan", "not a whole number: nan"),
    (("9",), "", "token out of range 0 to 8: 9"),
    (("-1",), "", "token out of range 0 to 8: -1"),
    (("99999999999999999999",), "", "token out of range 0 to 8: 99999999999999999999"),
    ((), "0" * 80, f"not a token: {'0' * 63}"),
])
def test_bad_input_is_refused(program, words, text, message):
    done = program(*words, text=text)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {message}\n")


def test_the_padding_of_a_mask_is_refused(alone, module, tmp_path):
    module.keras_to_c(_sequential(_L().LSTM(3), mask_zero=True), tmp_path / "model.c")
    subprocess.run(["cc", "-std=c99", "model.c", "-o", "model", "-lm"], cwd=tmp_path, check=True)
    done = subprocess.run(["./model", "3", "0"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "error: token out of range 1 to 4: 0\n")


def test_no_memory_is_lost_or_touched_out_of_bounds(module, tmp_path):
    """Every dialect, under the compiler's own checks of addresses and of undefined behaviour."""
    L = _L()
    model = _sequential(L.Bidirectional(L.LSTM(3, return_sequences=True)), L.GRU(2, return_sequences=True),
                        L.GRU(3, reset_after=False, return_sequences=True), L.Bidirectional(L.SimpleRNN(2)),
                        L.Dense(2, activation="softmax"))
    module.keras_to_c(model, tmp_path / "model.c")
    checks = "-g -fsanitize=address,undefined -fno-sanitize-recover=all"
    subprocess.run(["cc", *checks.split(), "-std=c99", "model.c", "-o", "model", "-lm"], cwd=tmp_path, check=True)
    done = subprocess.run(["./model", *"123443210" * 20], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_the_file_reads_as_one_whole(module):
    source = module.keras_to_c(_sequential(_L().GRU(3)))
    assert "$" not in source
    assert "h[u] = z * h[u] + (1 - z) * candidate;" in source
    assert "typedef float real;" in source and "typedef double real;" in module.keras_to_c(_sequential(_L().GRU(3)), real="double")


def test_a_name_cannot_end_the_comment_it_stands_in(module):
    import keras

    model = keras.Sequential([keras.Input((None,), dtype="int32"), _L().Embedding(5, 2)], name="*_evil")
    model.name = "*/ int evil; /*"
    assert "evil; /*" not in module.keras_to_c(model)


# What it refuses


def _sequential(*layers, **embedding):
    import keras

    return keras.Sequential([keras.Input((None,), dtype="int32"), keras.layers.Embedding(5, 2, **embedding), *layers])


def _L():
    from keras import layers

    return layers


def _no_embedding():
    import keras

    return keras.Sequential([keras.Input((None, 2)), _L().LSTM(3)])


def _not_finite():
    model = _sequential(_L().LSTM(3))
    weights = model.get_weights()
    weights[1][0, 0] = float("inf")
    model.set_weights(weights)
    return model


REFUSED = {
    "no embedding": (_no_embedding, "the first layer must be an Embedding"),
    "layer": (lambda: _sequential(_L().LSTM(3), _L().LayerNormalization()), "a LayerNormalization is none of Embedding (first), SimpleRNN"),
    "activation": (lambda: _sequential(_L().LSTM(3, activation="gelu")), "its activation 'gelu' is none of tanh, sigmoid"),
    "merge": (lambda: _sequential(_L().Bidirectional(_L().LSTM(3), merge_mode="sum")), "merge_mode is 'sum', but only 'concat' is written"),
    "backwards": (lambda: _sequential(_L().LSTM(3, go_backwards=True)), "go_backwards=True is only written inside a Bidirectional"),
    "backwards inside": (lambda: _sequential(_L().Bidirectional(_L().LSTM(3, go_backwards=True), backward_layer=_L().LSTM(3))), "leave it off inside a Bidirectional"),
    "state": (lambda: _sequential(_L().LSTM(3, return_state=True)), "return_state=True gives several outputs"),
    "float16": (lambda: _sequential(_L().LSTM(3, dtype="float16")), "the model computes in float16, float32"),
    "inf": (_not_finite, "holds NaN or infinity"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_cannot_write_it_refuses(module, case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError) as raised:
        module.keras_to_c(make())
    assert message in str(raised.value)


def test_a_real_that_c_has_not_is_refused(module):
    with pytest.raises(ValueError, match="real is 'half', but C has 'float' and 'double'"):
        module.keras_to_c(_sequential(_L().LSTM(3)), real="half")
