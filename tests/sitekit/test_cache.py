"""A page runs again if and only if something changed that its outputs depend on."""

import errno
import json
import os
import sys

import pytest
from .conftest import page, text_of

from sitekit import execution
from sitekit.cache import Cache, dependencies, unchanged

SHOW = "import sys\nsys.path.insert(0, '../lib')\nimport pkg\nprint(pkg.value())"


@pytest.fixture
def package(project):
    """A project with a package of which the page uses a part, late."""
    project.write("lib/pkg/__init__.py", "def value():\n    from pkg import late\n    return late.VALUE\n")
    project.write("lib/pkg/late.py", "VALUE = 1\n")
    project.write("lib/pkg/unused.py", "")
    project.write("docs/a.md", page(SHOW))
    assert project.ran() == {"a"}
    assert project.ran() == set()
    return project


def edit(project, name, old, new):
    path = project.root / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("name, text", [
    ("lib/pkg/__init__.py", "def value():\n    return 7\n"),
    ("lib/pkg/late.py", "VALUE = 2\n"),
    ("lib/pkg/late/__init__.py", "VALUE = 3\n"),  # a package comes before a module
    ("lib/another.py", ""),  # nobody asks for it
])
def test_the_package(package, name, text):
    before = text_of(package.run()["a"])
    package.write(name, text)
    results = package.run()
    fresh = text_of(package.run(seed=1)["a"])  # another key: certainly run
    assert text_of(results["a"]) == fresh
    assert results["a"].from_cache == (fresh == before)


def test_a_same_size_edit_within_a_second_is_seen(package):
    for value in "23232":
        package.write("lib/pkg/late.py", f"VALUE = {value}\n")
        assert text_of(package.run()["a"]) == f"{value}\n"


def test_going_back_finds_the_earlier_result(package):
    package.write("lib/pkg/late.py", "VALUE = 2\n")
    assert package.ran() == {"a"}
    package.write("lib/pkg/late.py", "VALUE = 1\n")
    results = package.run()
    assert results["a"].from_cache and text_of(results["a"]) == "1\n"


def test_a_module_that_takes_another_ones_place(project):
    project.write("docs/a.md", page("try:\n    import extra\nexcept ImportError:\n    print('none')\nelse:\n    print('there')"))
    assert text_of(project.run()["a"]) == "none\n"
    project.write("docs/other.py", "")
    assert project.ran() == set()
    project.write("docs/extra.py", "")
    assert text_of(project.run()["a"]) == "there\n"


@pytest.mark.parametrize("code", [
    "print(open('data.txt').read())",
    "import pathlib\nprint(pathlib.Path('data.txt').read_text())",
    "import os\nprint(os.read(os.open('data.txt', os.O_RDONLY), 9))",
    "import numpy as np\nprint(np.loadtxt('data.txt'))",
    "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(open(\"data.txt\").read())'], capture_output=True, text=True).stdout)",
    "import subprocess\nprint(subprocess.check_output(['cat', 'data.txt']))",
])
def test_a_file_that_the_page_reads(project, code):
    project.write("docs/data.txt", "1")
    project.write("docs/unread.txt", "1")
    project.write("docs/a.md", page(code))
    assert project.ran() == {"a"}
    project.write("docs/unread.txt", "2")
    assert project.ran() == set()
    project.write("docs/data.txt", "2")
    assert project.ran() == {"a"}


def test_a_file_that_was_missing_and_one_that_goes(project):
    project.write("docs/a.md", page("try:\n    print(open('data.txt').read())\nexcept OSError:\n    print('none')"))
    assert text_of(project.run()["a"]) == "none\n"
    path = project.write("docs/data.txt", "1")
    assert text_of(project.run()["a"]) == "1\n"
    path.unlink()
    assert text_of(project.run()["a"]) == "none\n"


def test_a_folder_that_the_page_lists(project):
    project.write("data/one", "")
    project.write("docs/a.md", page("import os\nprint(sorted(os.listdir('../data')))"))
    assert project.ran() == {"a"}
    project.write("data/two", "")
    assert project.ran() == {"a"}


def test_what_a_page_writes_is_no_input(project):
    project.write("docs/a.md", page("import time\nopen('made.txt', 'w').write(str(time.time()))\nprint(len(open('made.txt').read()) > 0)"))
    assert project.ran() == {"a"}
    project.write("docs/made.txt", "something else")
    assert project.ran() == set()


@pytest.mark.parametrize("old, new, runs", [
    ("x = 1", "x = 2", True),
    ("Some prose.", "Other prose, and a line\n\nmore.", False),
    (":tags: [hide-input]", ":tags: [hide-output]", False),
    (":tags: [hide-input]", ":tags: [hide-input, allow-stderr]", True),
])
def test_the_page_itself(project, old, new, runs):
    project.write("docs/a.md", page(("hide-input", "x = 1\nprint(x)")))
    assert project.ran() == {"a"}
    edit(project, "docs/a.md", old, new)
    assert project.ran() == ({"a"} if runs else set())


def test_versions_and_settings(project, monkeypatch):
    project.write("docs/a.md", page("print(1)"))
    requirements = project.write("requirements.txt", "numpy==1\n# a remark\n")
    assert project.ran() == {"a"}
    requirements.write_text("# another remark\nnumpy==1\n")
    assert project.ran(page_timeout=31, memory_limit=999, workers=1) == set()
    requirements.write_text("numpy==2\n")
    assert project.ran() == {"a"}
    monkeypatch.setattr(execution, "installed", lambda: {"numpy": "99", "other": "1"})
    assert project.ran() == {"a"}
    monkeypatch.setattr(execution, "installed", lambda: {"numpy": "99", "other": "2"})
    assert project.ran() == set()
    requirements.unlink()
    assert project.ran() == {"a"}
    assert project.ran(env={"X": "1"}) == {"a"}
    assert project.ran(seed=5) == {"a"}
    monkeypatch.setattr(sys, "version", "9.9")
    assert project.ran() == {"a"}


def test_a_page_that_fails_leaves_no_entry(project):
    project.write("docs/a.md", page("print(1)", "1 / 0"))
    assert project.ran() == {"a"} == project.ran()
    assert not list((project.root / ".cache").glob("*/*.json"))


def test_a_dependency_that_changes_while_the_page_runs_leaves_no_entry(project):
    project.write("docs/data.txt", "1")
    project.write("docs/a.md", page("import os\nopen('data.txt').read()\nfd = os.open('data.txt', os.O_RDONLY)\nos.system('echo 2 > data.txt')"))
    project.run()
    assert not list((project.root / ".cache").glob("*/*.json"))


def test_a_damaged_entry_is_no_entry(project):
    project.write("docs/a.md", page("print(1)"))
    assert project.ran() == {"a"}
    [entry] = (project.root / ".cache").glob("*/*.json")
    for damage in (entry.read_text()[:-5], "", entry.read_text().replace("1\\n", "2\\n")):
        entry.write_text(damage)
        assert text_of(project.run()["a"]) == "1\n"
        assert project.ran() == set()


def test_a_full_disk_leaves_no_entry_and_no_litter(tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache", tmp_path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert cache.put("key", {"x": 1}, {}) is False
    assert cache.get("key") is None and list((tmp_path / "cache" / "key").iterdir()) == []
    assert cache.put("key", {"x": 1}, {}) is True
    assert cache.get("key") == {"x": 1}


def test_old_entries_go(tmp_path):
    cache, source = Cache(tmp_path / "cache", tmp_path), tmp_path / "source"
    for number in range(12):
        source.write_text(str(number))
        record = json.dumps(["file", "source", __import__("hashlib").sha256(str(number).encode()).hexdigest()])
        cache.put("key", {"number": number}, dependencies(record, tmp_path))
    assert cache.get("key") == {"number": 11}
    assert len(list((tmp_path / "cache" / "key").iterdir())) == 8


def test_a_torn_record_is_read_as_far_as_it_goes(tmp_path):
    found = dependencies('["file", "a", null]\n["file", "b', tmp_path)
    assert found == {"file a": None} and unchanged(found, tmp_path)
