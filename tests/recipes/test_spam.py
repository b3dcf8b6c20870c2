"""spam.py: on its own messages and on a reader's; its pools against NumPy; each wrong file by its message."""

import numpy as np
import pytest

RECIPE = "spam.py"


def _lines(count, seed=0):
    """Messages in the documented format: spam speaks of a prize."""
    rng = np.random.default_rng(seed)
    words = "see you at lunch today or call me when the train is late again".split()
    lines = []
    for _ in range(count):
        text, spam = list(rng.choice(words, size=8)), rng.integers(2)
        if spam:
            text[rng.integers(8)] = "Prize!"
        lines.append(f"{'spam' if spam else 'ham'}\t{' '.join(text)}\n")
    return "".join(lines)


def test_help_shows_the_format(recipe):
    done = recipe.forked("--help")
    assert done.returncode == 0 and "<TAB>" in done.stdout and "--data" in done.stdout


def test_on_its_own_data(alone):
    folder = alone(RECIPE)
    done = folder.python(RECIPE)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert any(line.startswith("Epoch 4/4") for line in lines) and "loss" in done.stdout  # Keras's own progress bar
    accuracy, baseline = (float(line.split()[-1]) for line in lines if line.startswith(("accuracy on 1000", "always")))
    assert accuracy >= 0.95 > 0.6 > baseline
    assert lines[-1] == "saved to spam.keras; read back, it answers the same: True"


def test_on_messages_of_the_readers(alone):
    folder = alone(RECIPE)
    (folder.folder / "sms.tsv").write_text(_lines(400), encoding="utf-8")
    done = folder.forked("--data", "sms.tsv", "--pool", "max", "--cell", "simple_rnn", "--save", "mine.keras")
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("accuracy on 40 new messages"))
    assert float(line.split()[-1]) >= 0.9
    assert (folder.folder / "mine.keras").exists()


SOME = _lines(12)
WRONG = {
    "not there": (None, ": No such file or directory; expected a file to read"),
    "empty": ("\n\n", ":1: the file is empty; expected lines of label<TAB>text"),
    "missing column": ("ham\thello\n\nspam prize\n", ":3: no tab in 'spam prize'; expected label<TAB>text"),
    "no label": ("ham\thello\n\tprize\n", ":2: no label before the tab; expected label<TAB>text"),
    "no text": ("ham\thello\nspam\t  \n", ":2: no text after the tab; expected label<TAB>text"),
    "third label": ("ham\tone\nspam\ttwo\nmaybe\tthree\n", ":3: a third label: 'ham', 'spam', 'maybe'; expected two"),
    "one class": ("ham\thello\n" * 12, ":12: the only label is 'ham' down to here; expected two"),
    "few": ("ham\thello\nspam\tprize\n", ":2: 2 messages; expected at least 10"),
    "encoding": ("ham\thello\nspam\t£5\n".encode("latin-1"), ":2: byte 0xa3 is not UTF-8; expected a text file saved as UTF-8"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_file_and_where(module, tmp_path, case):
    content, message = WRONG[case]
    path = tmp_path / "sms.tsv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(module.BadFile) as raised:
        module.read_messages(path)
    assert str(raised.value) == f"{path}{message}"


def test_a_wrong_file_from_a_shell(alone):
    folder = alone(RECIPE)
    (folder.folder / "sms.tsv").write_text("ham\thello\nspam prize\n", encoding="utf-8")
    done = folder.forked("--data", "sms.tsv")
    assert (done.returncode, done.stderr) == (2, "sms.tsv:2: no tab in 'spam prize'; expected label<TAB>text\n")
    assert not (folder.folder / "spam.keras").exists()


def test_a_mark_at_the_start_and_lines_of_windows_are_read(module, tmp_path):
    path = tmp_path / "sms.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + ("spam\tWIN £5, don't wait\n" + SOME).replace("\n", "\r\n").encode())
    texts, y, names = module.read_messages(path)
    assert names == ["ham", "spam"] and len(texts) == len(y) == 13
    assert texts[0] == ["win", "£", "5", ",", "don't", "wait"] and y[0] == 1


def test_long_and_short_messages(module):
    rows = module.encode([["a", "b"], ["new"] + ["b"] * 4], ["b", "a"], timesteps=4)
    np.testing.assert_array_equal(rows, [[0, 0, 3, 2], [2, 2, 2, 2]])
    assert module.encode([["new"]], ["b"], timesteps=2).tolist() == [[0, 1]]


@pytest.mark.parametrize("how", ["max", "mean", "attention"])
def test_a_pool_is_over_the_steps_that_count(module, how):
    rng = np.random.default_rng(0)
    hidden = rng.uniform(-1, 1, size=(2, 5, 3)).astype("float32")
    counts = np.array([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
    pool = module.Pool(how)
    pooled = np.asarray(pool(hidden, counts))
    for row, steps, found in zip(hidden, counts, pooled):
        row = row[steps]
        if how == "attention":
            scores = np.exp(row @ np.asarray(pool.score))
            expected = (scores * row).sum(0) / scores.sum()
        else:
            expected = getattr(row, how)(axis=0)
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("place", ["early", "late", "anywhere"])
def test_where_the_evidence_stands(module, place):
    texts, spam, at = module.messages(200, place, seed=1)
    evidence = set(module.SPAM_WORDS)
    for text, is_spam, start in zip(texts, spam, at):
        steps = [k for k, word in enumerate(text) if word in evidence]
        assert steps == (list(range(start, start + 3)) if is_spam else [])
        assert len(text) == module.TIMESTEPS and (place != "early" or start < 10) and (place != "late" or start >= 88)


def test_not_turns_a_review_round(module):
    texts, positive = module.reviews(300, seed=1)
    for text, label in zip(texts, positive):
        assert sum(word in ("good", "bad") for word in text) == text.count("not") == 1
        turned = text[text.index("not") + 1] in ("good", "bad")
        assert label == (("good" in text) != turned)
