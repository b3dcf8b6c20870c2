"""The translation recipe as a reader uses it: alone, on its own dates and on pairs in a file."""

import pytest

RECIPE = "translation.py"


def test_help_shows_the_format(recipe):
    done = recipe.forked("--help")
    assert done.returncode == 0 and "<TAB>" in done.stdout and "--data" in done.stdout


def test_its_own_data(recipe):
    done = recipe.python(RECIPE, "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "without one wrong letter, of 300 unseen" in done.stdout
    assert "read back, it answers the same: True" in done.stdout
    assert (recipe.folder / "translation.keras").exists()


def test_a_file_of_the_reader(recipe):
    pairs = "".join(f"number {k}\t{k}\n" for k in range(40))
    (recipe.folder / "pairs.txt").write_text(pairs, "utf-8")
    done = recipe.forked("--data", "pairs.txt", "--epochs", "1", "--no-attention", "--beam", "2",
                         "--save", "mine.keras")
    assert done.returncode == 0, done.stderr
    assert "of 4 unseen" in done.stdout and "answers the same: True" in done.stdout


def test_a_wrong_file_is_one_line_and_status_2(recipe):
    (recipe.folder / "empty.txt").write_text("")
    done = recipe.forked("--data", "empty.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "empty.txt:1: the file is empty; expected lines of source<TAB>target\n"


@pytest.mark.parametrize("content, message", [
    (b"a\t1\nb 2\n", ":2: 0 tabs in 'b 2'; expected source<TAB>target"),
    (b"a\t1\t2\n", ":1: 2 tabs in"),
    (b"a\t\n", ":1: no target"),
    (b"\t1\n", ":1: no source"),
    (b"a\t1\nb\xe4\t2\n", ":2: byte 0xe4 is not UTF-8; expected a text file saved as UTF-8"),
    (b"a\t1\n" * 9, ":10: 9 pairs; expected at least 10"),
    (b"a\t1\n" * 12, ":13: every target is '1'; expected at least two"),
])
def test_each_kind_of_wrong_file(module, tmp_path, content, message):
    file = tmp_path / "wrong.txt"
    file.write_bytes(content)
    with pytest.raises(module.BadFile) as raised:
        module.read_pairs(file)
    assert f"{file}{message}" in str(raised.value)


def test_a_file_that_is_not_there(module, tmp_path):
    with pytest.raises(module.BadFile, match="expected a file to read"):
        module.read_pairs(tmp_path / "none.txt")


def test_no_target_is_in_both_parts(module):
    pairs = [(f"s{k}", str(k % 30)) for k in range(90)]
    training, testing = module.split(pairs, 0)
    assert sorted(training + testing) == sorted(pairs)
    assert not {t for _, t in training} & {t for _, t in testing}


def test_of_few_answers_to_many_questions_no_question_is_in_both_parts(module):
    pairs = [(f"q{k % 60}", str(k % 3)) for k in range(90)]
    training, testing = module.split(pairs, 0)
    assert sorted(training + testing) == sorted(pairs)
    assert not {s for s, _ in training} & {s for s, _ in testing}
    assert {t for _, t in training} == {"0", "1", "2"} and len({s for s, _ in testing}) == 6


def test_what_is_written_is_read_back(module):
    vocabulary = module.Vocabulary([("7. Mai", "07-05"), ("8", "8")])
    rows = vocabulary.targets(["07-05", "8"])
    assert vocabulary.write(rows[:, 1:]) == ["07-05", "8"]
    assert vocabulary.read(["Juni"]).tolist() == [[module.UNKNOWN]]
