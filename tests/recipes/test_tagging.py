"""The tagging recipe as a reader uses it: alone, on its own grammar and on words in a file."""

import numpy as np
import pytest

RECIPE = "tagging.py"


def test_help_shows_the_format(recipe):
    done = recipe.forked("--help")
    assert done.returncode == 0 and "<TAB>" in done.stdout and "--data" in done.stdout


def test_its_own_data(recipe):
    done = recipe.python(RECIPE, "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "words of unseen sentences" in done.stdout and "commonest tag" in done.stdout
    assert "read back, it answers the same: True" in done.stdout
    assert (recipe.folder / "tagging.keras").exists()


def test_a_file_of_the_reader(recipe):
    (recipe.folder / "words.txt").write_text("Ada\tB-PER\nLovelace\tI-PER\nsaw\tO\n\n" * 20, "utf-8")
    done = recipe.forked("--data", "words.txt", "--epochs", "1", "--one-way", "--save", "mine.keras")
    assert done.returncode == 0, done.stderr
    assert "accuracy on 6 words" in done.stdout and "answers the same: True" in done.stdout


def test_a_wrong_file_is_one_line_and_status_2(recipe):
    (recipe.folder / "empty.txt").write_text("")
    done = recipe.forked("--data", "empty.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "empty.txt:1: the file is empty; expected lines of word<TAB>tag\n"


@pytest.mark.parametrize("content, message", [
    (b"I\tPRON\nsaw\n", ":2: 0 tabs in 'saw'; expected word<TAB>tag"),
    (b"I\t\n", ":1: no tag; expected word<TAB>tag"),
    (b"\tPRON\n", ":1: no word; expected word<TAB>tag"),
    (b"I\tPRON\nf\xfcr\tP\n", ":2: byte 0xfc is not UTF-8; expected a text file saved as UTF-8"),
    (b"I\tA\n\n" * 12, ": the only tag is 'A' down to here; expected at least two"),
    (b"I\tA\nsaw\tB\n" * 12, ": 1 sentences; expected at least 10, with an empty line after each"),
])
def test_each_kind_of_wrong_file(module, tmp_path, content, message):
    file = tmp_path / "wrong.txt"
    file.write_bytes(content)
    with pytest.raises(module.BadFile) as raised:
        module.read_tagged(file)
    assert str(raised.value).startswith(f"{file}:") and message in str(raised.value)


def test_padding_does_not_count(module):
    y = np.array([[1, 2, 0, 0]])
    assert module.masked_accuracy(np.array([[1, 1, 0, 0]]), y) == 0.5


def test_the_baseline_takes_the_commonest_tag(module):
    tagged = [[("saw", "NOUN")], [("saw", "VERB")], [("saw", "VERB")]]
    assert module.baseline_accuracy(tagged, [[("saw", "VERB"), ("new", "VERB"), ("saw", "NOUN")]]) == 2 / 3
