"""Builds by Sphinx: the same results whatever happened before, and all failures told."""

import json
import os
import random
import signal
import subprocess
import time

import pytest

from .conftest import Project, page

HTML = ("-m", "sitekit", "html")
COUNT = "import pathlib\nprint('VALUE', pathlib.Path('../value.txt').read_text())"


def site(folder) -> dict:
    """Every file of a built site that is the same in two equal builds: name -> content."""
    skipped = {".buildinfo", ".doctrees"}
    return {
        str(path.relative_to(folder)): searchable(path) if path.name == "searchindex.js" else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not skipped & set(path.relative_to(folder).parts)
    }


def searchable(index) -> dict:
    """What a search finds. Sphinx keeps words that are on no page any more, with an empty list of pages."""
    found = json.loads(index.read_text().removeprefix("Search.setIndex(").removesuffix(")"))
    return {**found, "terms": {word: where for word, where in found["terms"].items() if where != []}}


def test_a_first_build_with_a_sitemap_ends(project):
    """The sitemap's extension forks a process that stays: it must not keep the warm process alive, which closes with its pipe."""
    more = "extensions.append('sitekit.sitemap')\nhtml_baseurl = 'https://example.org/'\nsitemap_url_scheme = '{link}'\n"
    project.write("conf.py", (project.root / "conf.py").read_text() + more)
    project.write("docs/a.md", page("print('VALUE')"))
    assert "1 page run" in project.build(*HTML).stdout
    assert "https://example.org/a.html" in (project.root / "_build/html/sitemap.xml").read_text()


def test_plain_sphinx_build_and_ours_give_the_same_pages(project):
    project.write("value.txt", "17")
    project.write("docs/a.md", page(COUNT))
    project.write("docs/plain.md", "# Plain\n\nNo code.\n")
    project.build()
    assert "VALUE 17" in project.html("a") and "No code." in project.html("plain")
    assert "1 page run" not in project.build(*HTML).stdout
    assert {name: text for name, text in site(project.root / "out").items() if name.endswith(".html")} == {
        name: text for name, text in site(project.root / "_build/html").items() if name.endswith(".html")
    }


def test_what_a_build_says(project):
    project.write("docs/a.md", page("from IPython.display import publish_display_data\n"
                                    "publish_display_data({'text/plain': 'ok', 'application/vnd.unrolled.claim+json': {}})"))
    lines = project.build(*HTML).stdout.splitlines()
    assert lines[0] == "running 1 page" and lines[1].startswith("  a: 1 claim, ")
    assert lines[-1].startswith("1 page run, 0 from cache, 1 claim checked, ") and lines[-1].endswith(": _build/html/index.html")
    assert project.build(*HTML).stdout.startswith("0 pages run, 1 from cache, 1 claim checked, ")


def test_a_changed_dependency_reaches_the_site_and_prose_needs_no_run(project):
    value = project.write("value.txt", "17")
    source = project.write("docs/a.md", page(COUNT))
    project.build(*HTML)
    value.write_text("18")
    assert "1 page run" in project.build(*HTML).stdout
    assert "VALUE 18" in project.html("a", "_build/html")
    source.write_text(source.read_text().replace("Some prose.", "New prose."))
    assert "0 pages run" in project.build(*HTML).stdout
    assert "New prose." in project.html("a", "_build/html") and "VALUE 18" in project.html("a", "_build/html")


def test_the_notebook_to_download_has_outputs_also_from_the_cache(project):
    project.write("value.txt", "17")
    project.write("docs/a.md", page(COUNT))
    for folder in ("one", "two"):
        project.build("-m", "sphinx", "-q", "-W", "-c", ".", "docs", f"{folder}/html")
        notebook = json.loads((project.root / folder / "jupyter_execute" / "a.ipynb").read_text())
        assert [output["text"] for cell in notebook["cells"] for output in cell.get("outputs", ())] == [["VALUE 17\n"]]


def test_nothing_changed_reads_nothing_again(project):
    project.write("conf.py", (project.root / "conf.py").read_text() + "nb_merge_streams = True\n")
    loud = "import sys\nfor _ in range(3):\n    print('out')\n    print('err', file=sys.stderr)\n    display(1)"
    project.write("docs/a.md", page(("allow-stderr", loud)))
    command = ("-m", "sphinx", "-c", ".", "docs", "out")
    assert "2 added, 0 changed" in project.build(*command).stdout
    assert "0 added, 0 changed" in project.build(*command).stdout


def test_parallel_reading(project):
    project.write("value.txt", "17")
    for number in range(12):
        project.write(f"docs/p{number}.md", page(COUNT))
    command = ("-m", "sphinx", "-q", "-W", "-j", "2", "-c", ".", "docs", "out")
    project.build(*command)
    project.write("value.txt", "18")
    project.build(*command)
    assert all("VALUE 18" in project.html(f"p{number}") for number in range(12))
    assert not any("VALUE" in line for line in project.build(*command).stdout.splitlines())


def test_all_failures_are_reported_and_the_site_stays(project):
    project.write("docs/a.md", page("print('fine')"))
    project.build(*HTML)
    before = site(project.root / "_build/html")
    project.write("docs/b.md", page("1 / 0"))
    project.write("docs/c.md", page("x = 1", "raise ValueError('wrong')"))
    for command in (HTML, ("-m", "sphinx", "-c", ".", "docs", "out")):
        done = project.build(*command, check=False)
        assert done.returncode == 1
        assert "docs/b.md:10: cell 1: ZeroDivisionError: division by zero" in done.stderr
        assert "docs/c.md:14: cell 2: ValueError: wrong" in done.stderr
        assert "Traceback (most recent call last)" not in done.stderr and "site-packages" not in done.stderr
    assert site(project.root / "_build/html") == before


def test_warnings_keep_their_lines_and_the_site_is_not_replaced(project):
    text = page("x = 1", "y = 2") + "\nSee {ref}`nowhere`.\n"
    project.write("docs/a.md", text)
    done = project.build(*HTML, check=False)
    assert done.returncode == 1 and not (project.root / "_build/html").exists()
    line = text.splitlines().index("See {ref}`nowhere`.") + 1
    assert f"a.md:{line}: WARNING: undefined label: 'nowhere'" in done.stderr
    assert "not published" in done.stdout


def test_the_site_is_replaced_whole(project):
    value = project.write("value.txt", "1")
    for name in "ab":
        project.write(f"docs/{name}.md", page(COUNT))
    project.build(*HTML)
    folder = project.root / "_build/html"
    value.write_text("2")
    build, seen = project.start(*HTML), set()
    while build.poll() is None:
        descriptor = os.open(folder, os.O_RDONLY)  # a reader that keeps the folder that it entered
        seen.add(tuple("VALUE 2" in _read_at(descriptor, name) for name in ("a.html", "b.html")))
        os.close(descriptor)
    seen.add(tuple("VALUE 2" in project.html(name, "_build/html") for name in "ab"))
    assert seen == {(False, False), (True, True)}
    assert not list((project.root / "_build").glob(".html-*"))


def _read_at(folder: int, name: str) -> str:
    try:
        descriptor = os.open(name, os.O_RDONLY, dir_fd=folder)
    except FileNotFoundError:  # the old folder is being removed: as gone as any page of it
        return ""
    with os.fdopen(descriptor) as file:
        return file.read()


@pytest.mark.parametrize("command", [HTML, ("-m", "sphinx", "-q", "-c", ".", "docs", "out")])
def test_two_builds_at_once(project, command):
    project.write("value.txt", "17")
    for name in "abc":
        project.write(f"docs/{name}.md", page(COUNT + "\nimport time\ntime.sleep(0.5)"))
    builds = [project.start(*command) for _ in range(2)]
    assert [build.wait(120) for build in builds] == [0, 0]
    folder = "_build/html" if command is HTML else "out"
    assert all("VALUE 17" in project.html(name, folder) for name in "abc")
    assert "0 pages run, 3 from cache" in project.build(*HTML).stdout


def test_killed_at_any_moment_the_next_build_is_right(project, tmp_path_factory):
    undisturbed = Project(tmp_path_factory.mktemp("undisturbed"))
    for where in (project, undisturbed):
        where.write("value.txt", "0")
        for number in range(3):
            where.write(f"docs/p{number}.md", page(COUNT + "\nimport time\ntime.sleep(0.1)"))
    project.build(*HTML)
    whole = random.Random(0)
    began = time.perf_counter()
    project.write("value.txt", "warm")
    project.build(*HTML)
    seconds = time.perf_counter() - began
    for attempt in range(10):
        project.write("value.txt", str(attempt))
        build = project.start(*HTML)
        time.sleep(whole.uniform(0.1, 1.0) * seconds)
        os.killpg(build.pid, signal.SIGKILL)
        build.wait()
    undisturbed.write("value.txt", "9")
    undisturbed.build(*HTML)
    project.build(*HTML)
    assert site(project.root / "_build/html") == site(undisturbed.root / "_build/html")
    assert not list((project.root / ".cache").rglob("*.part")) and not list((project.root / "_build").glob(".html-*"))


def test_killed_between_reading_and_writing(project):
    value = project.write("value.txt", "1")
    project.write("docs/a.md", page(COUNT))
    conf = project.root / "conf.py"
    plain = conf.read_text()
    project.build(*HTML)
    value.write_text("2")
    conf.write_text(plain + "\nimport os\ndef setup(app):\n    app.connect('doctree-resolved', lambda *_: os._exit(9))\n")
    assert project.build(*HTML, check=False).returncode == 9
    conf.write_text(plain)
    project.build(*HTML)
    assert "VALUE 2" in project.html("a", "_build/html")


def test_a_page_that_asks_not_to_be_run_is_not(project):
    project.write("docs/a.md", page("1 / 0").replace("---\n#", "mystnb: {execution_mode: 'off'}\n---\n#"))
    project.build("-m", "sphinx", "-q", "-c", ".", "docs", "out")
    assert "ZeroDivisionError" not in project.html("a")


def test_glue_and_figures_of_the_cache_are_on_the_page(project):
    project.write("docs/a.md", page("from myst_nb import glue\nglue('answer', 40 + 2, display=False)") + "\nIt is {glue}`answer`.\n")
    for _ in range(2):
        project.build("-m", "sphinx", "-q", "-W", "-E", "-c", ".", "docs", "out")
        assert "42" in project.html("a")


@pytest.mark.skipif(subprocess.call(["sh", "-c", "unshare -rn true 2>/dev/null"]) != 0, reason="unshare cannot cut off the network here")
def test_no_network_is_needed(project):
    project.write("value.txt", "17")
    project.write("docs/a.md", page(COUNT))
    project.build(*HTML, before=("unshare", "-rn"))
    assert "VALUE 17" in project.html("a", "_build/html")


def test_check_runs_a_page_without_sphinx(project):
    project.write("docs/a.md", page("print(1)"))
    project.write("docs/bad.md", page("assert 1 == 2, 'no'"))
    assert project.build("-m", "sitekit", "check", "docs/a.md").stdout.startswith("running 1 page\n  docs/a.md: 0 claims")
    done = project.build("-m", "sitekit", "check", "docs/a.md", "docs/bad.md", check=False)
    assert done.returncode == 1 and "docs/bad.md:10: cell 1: AssertionError: no" in done.stdout and "1 from cache" in done.stdout


def test_a_notebook_file_is_run_too(project):
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell("print(40 + 2)")])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "python3"}
    project.write("docs/a.ipynb", nbformat.writes(notebook))
    project.build()
    assert "42" in project.html("a")
