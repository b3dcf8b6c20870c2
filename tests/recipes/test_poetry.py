"""poetry.py: it learns the Zen and a reader's text, writes the same both ways; each wrong text by its message."""

import numpy as np
import pytest

RECIPE = "poetry.py"


@pytest.fixture(scope="module")
def model(module):
    """Not trained: it writes nonsense, both ways the same."""
    import keras

    keras.utils.set_random_seed(0)
    return module.network(5)


def test_help_shows_the_format(recipe):
    done = recipe.forked("--help")
    assert done.returncode == 0 and "UTF-8" in done.stdout and "--data" in done.stdout


def test_on_its_own_data(alone):
    folder = alone(RECIPE)
    done = folder.python(RECIPE, "--epochs", 2, "--length", 40, "--prime", "Beautiful is ")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "The Zen of Python, by Tim Peters" not in done.stdout  # importing `this` prints it
    lines = done.stdout.splitlines()
    assert any(line.startswith("Epoch 2/2") for line in lines) and "loss" in done.stdout  # Keras's own progress bar
    assert any(line.startswith("Beautiful is ") for line in lines)
    figures = {line.split(":")[0]: float(line.split()[-1]) for line in lines if line.startswith(("perplexity", "counting"))}
    assert figures["perplexity, on the text it learned"] < figures["counting letters"] * 0.75
    assert lines[-1] == "saved to poetry.keras; read back, it answers the same: True"


def test_on_a_text_of_the_readers(alone):
    folder = alone(RECIPE)
    text = "der mond ist aufgegangen\ndie goldnen sternlein prangen\n" * 8
    (folder.folder / "mine.txt").write_text(text, encoding="utf-8")
    done = folder.forked("--data", "mine.txt", "--epochs", 8, "--temperature", 0, "--length", 60)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "mond" in done.stdout or "prangen" in done.stdout


WRONG = {
    "not there": (None, ": No such file or directory; expected a file to read"),
    "empty": (" \n", ":1: the file is empty; expected at least 200 characters"),
    "short": ("one\ntwo\n", ":3: 8 characters; expected at least 200"),
    "one word": ("again " * 100, ":1: the same over and over; expected a text to learn"),
    "encoding": (("a b\n" * 3 + "caf\xe9").encode("latin-1"), ":4: byte 0xe9 is not UTF-8; expected a text file saved as UTF-8"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_text_and_where(module, tmp_path, case):
    content, message = WRONG[case]
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(module.BadFile) as raised:
        module.read_text(path)
    assert str(raised.value) == f"{path}{message}"


@pytest.mark.parametrize(("arguments", "message"), [
    (("--data", "none.txt"), "none.txt: No such file or directory; expected a file to read\n"),
    (("--prime", "Schön"), "error: --prime is 'Schön'; expected letters of the text, which 'ö' is not\n"),
    (("--prime", ""), "error: --prime is ''; expected letters of the text\n"),
    (("--temperature", "-1"), "error: --temperature is -1; expected 0 or more\n"),
])
def test_a_wrong_call_from_a_shell(alone, arguments, message):
    folder = alone(RECIPE)
    done = folder.forked(*arguments)
    assert done.returncode == 2 and done.stderr.endswith(message) and "Traceback" not in done.stderr
    assert not (folder.folder / "poetry.keras").exists()


@pytest.mark.parametrize("temperature", [0, 0.5, 2])
def test_by_hand_and_stateful_write_the_same(module, model, temperature):
    step, keeping = module.one_step(model), module.stateful(model)
    for seed in (1, 2):
        by_hand = module.write(step, "abcde", "ace", 60, temperature, seed)
        assert len(by_hand) == 60
        assert module.write_stateful(keeping, "abcde", "ace", 60, temperature, seed) == by_hand


def test_step_by_step_equals_one_pass(module, model):
    codes = np.array([[0, 3, 1, 4, 4, 2]])
    whole, step, state = np.asarray(model(codes)), module.one_step(model), np.zeros((1, module.UNITS), "float32")
    for t in range(codes.shape[1]):
        scores, state = step.predict_on_batch([codes[:, t:t + 1], state])
        np.testing.assert_allclose(scores[:, 0], whole[:, t], atol=1e-6)


def test_it_stops(module, model):
    step = module.one_step(model)
    stopped = module.write(step, "abcde", "a", 200, temperature=1, seed=1, stop="b")
    assert stopped.endswith("b") and stopped.count("b") == 1
    assert module.write(step, "abcde", "a", 200, temperature=1, seed=1).startswith(stopped)


def test_a_colder_draw_is_a_likelier_one(module):
    scores, rng = np.array([0.0, 1.0, 2.0], "float32"), np.random.default_rng(0)
    shares = [np.mean([module.choose(scores, t, rng) == 2 for _ in range(2000)]) for t in (0, 0.5, 1, 5)]
    weights = [1.0] + [float(np.exp(2 / t) / np.exp(np.arange(3) / t).sum()) for t in (0.5, 1, 5)]
    np.testing.assert_allclose(shares, weights, atol=0.05)


def test_counting_is_the_empirical_perplexity(module):
    assert module.counted("abababab", before=0) == pytest.approx(2)
    assert module.counted("abababab", before=1) == pytest.approx(1)
    text = module.zen()
    assert text.startswith("The Zen of Python, by Tim Peters") and len(text) == 856
    assert module.counted(text, 2) < module.counted(text, 1) < module.counted(text, 0)


def test_perplexity_of_equal_scores_is_the_number_of_letters(module, model):
    import keras

    flat = keras.models.clone_model(model)
    flat.set_weights([w * 0 for w in model.get_weights()])
    assert module.perplexity(flat, np.array([0, 1, 2, 3, 4, 0], "int32")) == pytest.approx(5)
