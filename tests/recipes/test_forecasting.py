"""The forecasting recipe as a reader uses it: alone, on its own weather and on a CSV file."""

import numpy as np
import pytest

RECIPE = "forecasting.py"


def rows(count, value="{:.2f}"):
    return "time,north,south\n" + "".join(
        f"{k}," + value.format(np.sin(k / 4)) + f",{k % 24}\n" for k in range(count))


def test_help_shows_the_format(recipe):
    done = recipe.forked("--help")
    assert done.returncode == 0 and "time,north,south" in done.stdout and "--data" in done.stdout


def test_its_own_data(recipe):
    done = recipe.python(RECIPE, "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "mean squared error" in done.stdout and "persistence" in done.stdout
    assert "read back, it answers the same: True" in done.stdout
    assert (recipe.folder / "forecasting.keras").exists()


def test_a_file_of_the_reader(recipe):
    (recipe.folder / "series.csv").write_text(rows(200), "utf-8")
    done = recipe.forked("--data", "series.csv", "--epochs", "1", "--last-only", "--save", "mine.keras")
    assert done.returncode == 0, done.stderr
    assert "after the last row, north" in done.stdout and "answers the same: True" in done.stdout


def test_a_wrong_file_is_one_line_and_status_2(recipe):
    (recipe.folder / "empty.csv").write_text("")
    done = recipe.forked("--data", "empty.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "empty.csv:1: the file is empty; expected a header such as time,north\n"


@pytest.mark.parametrize("content, message", [
    (b"time,north\n0,1\n1\n", ":3: 1 columns; expected 2, as in the header"),
    (b"time,north\n0,n/a\n", ":2: 'n/a' in column 'north' is no number"),
    (b"time,north\n0,nan\n", ":2: 'nan' in column 'north' is no number"),
    (b"time;north\n0;1\n", ":1: one column, 'time;north'"),
    (b"0,1.5\n1,1.6\n", ":1: '1.5' is a number; expected a header"),
    (b"time,north\n0,1\n1,\xb0\n", ":3: byte 0xb0 is not UTF-8; expected a text file saved as UTF-8"),
    (b"time,north\n" + b"0,1.5\n" * 130, ":131: every row is as the first, 'north' 1.5; expected numbers that change"),
    (rows(50).encode(), ":51: 50 rows of numbers; expected at least 130"),
])
def test_each_kind_of_wrong_file(module, tmp_path, content, message):
    file = tmp_path / "wrong.csv"
    file.write_bytes(content)
    with pytest.raises(module.BadFile) as raised:
        module.read_series(file)
    assert f"{file}{message}" in str(raised.value)


def test_windows_are_one_hour_apart(module):
    series = np.arange(30.0)[:, None]
    inputs, following, later = module.windows(series, ahead=2)
    assert (following == inputs + 1).all()
    assert (later[:, :, 0] == following[:, -1] + [1, 2]).all()
    assert later[-1, -1, 0] == 29


def test_too_short_a_series(module):
    with pytest.raises(ValueError, match="series has 24 hours, but 25 are needed"):
        module.windows(np.zeros((24, 1)))
