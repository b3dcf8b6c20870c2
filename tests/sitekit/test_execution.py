"""Pages do not see each other, and what goes wrong in one stays there and is reported where it is."""

import os

import pytest
from .conftest import page, text_of

from sitekit import execution


@pytest.fixture(params=["forked", "fresh"])
def kernel(request, monkeypatch):
    """Both ways to start a page's process."""
    monkeypatch.setattr(execution, "AVAILABLE", request.param == "forked")


def failures(result):
    return [str(failure).partition(": ")[2] for failure in result.failures]


def test_a_page_sees_nothing_of_another(project, kernel):
    mark = "import builtins, json, os\n"
    project.write("docs/a.md", page(mark + "builtins.mark = json.mark = 1\nos.environ['MARK'] = 'x'\nos.chdir('/')"))
    project.write("docs/deep/b.md", page(mark + "print(hasattr(builtins, 'mark'), hasattr(json, 'mark'), 'MARK' in os.environ)\nprint(os.getcwd())"))
    results = project.run(workers=1)
    assert text_of(results["b"]) == f"False False False\n{project.root / 'docs' / 'deep'}\n"


def test_every_run_draws_the_same_random_numbers(project, kernel):
    for name in "ab":
        project.write(f"docs/{name}.md", page("import random, numpy as np\nprint(random.random(), np.random.rand(), hash('x'))"))
    first = {name: text_of(result) for name, result in project.run(preload=["numpy"]).items()}
    assert first["a"] == first["b"]


def test_the_users_environment_does_not_reach_a_page(project, monkeypatch):
    monkeypatch.setenv("SECRET_SETTING", "1")
    project.write("docs/a.md", page("import os\nprint('SECRET_SETTING' in os.environ, os.environ['MINE'], os.environ['OMP_NUM_THREADS'])"))
    assert text_of(project.run(env={"MINE": "yes"})["a"]) == "False yes 1\n"


def test_figures_are_shown_when_pyplot_was_imported_before_the_fork(project):
    project.write("docs/a.md", page("import matplotlib.pyplot as plt\nplt.plot([1, 2]);"))
    result = project.run(preload=["matplotlib.pyplot"])["a"]
    assert "image/png" in result.notebook.cells[1].outputs[0].data, result.failures


def test_a_crash_is_named_and_the_others_go_on(project, kernel):
    project.write("docs/bad.md", page("x = 1", "import ctypes\nctypes.string_at(0)"))
    project.write("docs/good.md", page("print('fine')"))
    results = project.run()
    assert text_of(results["good"]) == "fine\n" and not results["good"].failures
    [failure] = results["bad"].failures
    assert failure.reason == "the page's process ended (SIGSEGV)"
    assert failure.path.name == "bad.md" and failure.cell == 2
    assert failure.path.read_text().splitlines()[failure.line - 1] == "ctypes.string_at(0)"


def test_a_page_that_never_ends_is_stopped_where_it_hangs(project, kernel):
    project.write("docs/bad.md", page("x = 1\nwhile x:\n    pass"))
    project.write("docs/good.md", page("print('fine')"))
    results = project.run(page_timeout=3)
    assert text_of(results["good"]) == "fine\n"
    assert failures(results["bad"]) == [failures(results["bad"])[0]]
    assert "the page has not finished after 3 s" in failures(results["bad"])[0]
    assert results["bad"].failures[0].line in (10, 11)


def test_a_cell_that_never_ends_is_stopped(project):
    project.write("docs/bad.md", page("while True:\n    pass"))
    assert "the cell has not finished after 2 s" in failures(project.run(cell_timeout=2)["bad"])[0]


def test_memory_is_limited(project, kernel):
    project.write("docs/bad.md", page("big = [bytearray(10**7) for _ in range(1000)]"))
    project.write("docs/good.md", page("print('fine')"))
    results = project.run(memory_limit=300)
    assert "MemoryError" in failures(results["bad"])[0]
    assert text_of(results["good"]) == "fine\n"


def test_noise_on_stderr_is_a_failure_unless_it_is_allowed(project, kernel):
    project.write("docs/loud.md", page("import os, sys\nprint('oh', file=sys.stderr)", "os.write(2, b'low level\\n')\nNone"))
    project.write("docs/allowed.md", page(("allow-stderr", "import sys\nprint('oh', file=sys.stderr)")))
    results = project.run()
    assert not results["allowed"].failures
    assert len(results["loud"].failures) == 2
    assert "oh" in failures(results["loud"])[0] and "low level" in failures(results["loud"])[1]


def test_a_cell_that_should_raise_must(project):
    project.write("docs/a.md", page(("raises-exception", "1 / 0"), ("raises-exception", "x = 1"), "print('after')"))
    result = project.run()["a"]
    assert ["raised none" in failure for failure in failures(result)] == [True]
    assert result.failures[0].cell == 2


def test_all_false_claims_of_a_page_are_reported_with_their_lines(project):
    claim = "class ClaimError(AssertionError): pass\ndef claim(text):\n    raise ClaimError(text)"
    path = project.write("docs/a.md", page(claim, "x = 1\nclaim('One is two')", ("hide-input", "claim('Two is three')"), "y = x\n\n1 / 0", "never()"))
    found = project.run()["a"].failures
    assert [failure.reason for failure in found] == ["ClaimError: One is two", "ClaimError: Two is three", "ZeroDivisionError: division by zero"]
    lines = path.read_text().splitlines()
    assert [lines[failure.line - 1] for failure in found] == ["claim('One is two')", "claim('Two is three')", "1 / 0"]
    assert found[2].detail.count("\n") < 12 and "1 / 0" in found[2].detail


def test_pages_run_side_by_side(project):
    for name in "ab":
        project.write(f"docs/{name}.md", page("import time\nstart = time.time()\ntime.sleep(2)\nprint(start, time.time())"))
    (a, b), (c, d) = (map(float, text_of(result).split()) for result in project.run(workers=2).values())
    assert a < d and c < b


def test_no_process_is_left(project):
    project.write("docs/a.md", page("import os, subprocess\nprint(os.getpid(), subprocess.Popen(['sleep', '100']).pid)"))
    pids = text_of(project.run()["a"]).split()
    assert len(pids) == 2 and not [pid for pid in pids if running(pid)]


def running(pid: str) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return os.path.exists("/proc/self") is False
