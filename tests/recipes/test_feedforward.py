"""feedforward.py: on its own data and on a reader's table; each wrong table by its message."""

import numpy as np
import pytest

RECIPE = "feedforward.py"


def _rows(count, seed=0):
    """Rows of two numbers whose order is the class, in the documented format."""
    pairs = np.random.default_rng(seed).normal(size=(count, 2)) * 100
    return "a,b,kind\n" + "".join(f"{a:.2f},{b:.2f},{'up' if a < b else 'down'}\n" for a, b in pairs)


def test_help_shows_the_format(recipe):
    done = recipe.forked("--help")
    assert done.returncode == 0 and "length,width,kind" in done.stdout and "--data" in done.stdout


def test_on_its_own_data(alone):
    folder = alone(RECIPE)
    done = folder.python(RECIPE, "--epochs", 8)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert any("8/8" in line and "loss" in line for line in lines)  # Keras's own progress bar
    accuracy = float(next(line for line in lines if line.startswith("accuracy on 500 new rows")).split()[-1])
    assert accuracy >= 0.95
    assert lines[-1] == "saved to feedforward.keras; read back, it answers the same: True"
    assert {path.name for path in folder.folder.iterdir()} - {"__pycache__"} == {RECIPE, "feedforward.keras"}


def test_on_a_table_of_the_readers(alone):
    folder = alone(RECIPE)
    (folder.folder / "rows.csv").write_text(_rows(400), encoding="utf-8")
    done = folder.forked("--data", "rows.csv", "--epochs", 20, "--save", "mine.keras")
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("accuracy on 40 new rows"))
    assert float(line.split()[-1]) >= 0.8
    assert (folder.folder / "mine.keras").exists()


WRONG = {
    "not there": (None, ": No such file or directory; expected a file to read"),
    "empty": ("", ":1: the file is empty; expected a line of column names"),
    "names only": ("a,b,kind\n", ":1: no rows; expected some below the column names"),
    "one column": ("kind\nup\ndown\n", ":1: one column, 'kind'; expected columns of numbers and then the class, separated by commas"),
    "semicolons": ("a;b;kind\n1;2;up\n", ":1: one column, 'a;b;kind'; expected columns of numbers and then the class"),
    "missing column": ("a,b,kind\n1,2,up\n1,up\n", ":3: 2 columns; expected 3, as in the first line: a, b, kind"),
    "no number": ("a,b,kind\n\n1,x,up\n", ":3: b is 'x'; expected a number"),
    "infinite": ("a,b,kind\n1,inf,up\n", ":2: b is 'inf'; expected a number"),
    "no class": ("a,b,kind\n1,2,\n", ":2: kind is missing; expected a class"),
    "one class": ("a,b,kind\n" + "1,2,up\n" * 12, ":13: the only class is 'up' down to here; expected at least two"),
    "few": ("a,b,kind\n1,2,up\n2,1,down\n", ":3: 2 rows; expected at least 10"),
    "encoding": ("a,b,kind\n1,2,up\n1,2,h\xe9\n".encode("latin-1"), ":3: byte 0xe9 is not UTF-8; expected a text file saved as UTF-8"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_table_and_where(module, tmp_path, case):
    content, message = WRONG[case]
    path = tmp_path / "rows.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(module.BadFile) as raised:
        module.read_table(path)
    assert str(raised.value).startswith(f"{path}{message}")


def test_a_wrong_table_from_a_shell(alone):
    folder = alone(RECIPE)
    (folder.folder / "rows.csv").write_text("a,b,kind\n1,2,up\n1,up\n", encoding="utf-8")
    done = folder.forked("--data", "rows.csv")
    assert done.returncode == 2
    assert done.stderr == "rows.csv:3: 2 columns; expected 3, as in the first line: a, b, kind\n"
    assert not (folder.folder / "feedforward.keras").exists()


def test_a_mark_at_the_start_and_lines_of_windows_are_read(module, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbf" + _rows(10).replace("\n", "\r\n").encode())
    x, y, classes = module.read_table(path)
    assert x.shape == (10, 2) and x.dtype == np.float32 and classes == ["down", "up"]
    np.testing.assert_array_equal(y, x[:, 0] < x[:, 1])


def test_the_latest_pulse_is_the_class(module):
    x, y, pulse = module.sequences(50, seed=3)
    for sequence, answers, pulses in zip(x, y, pulse):
        latest = None
        for t in range(module.TIMESTEPS):
            if pulses[t]:
                latest = int(sequence[t, : module.CLASSES].argmax())
            assert answers[t] == latest
