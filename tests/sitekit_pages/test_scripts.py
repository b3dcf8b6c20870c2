"""A page's code as one script: its cells in order, with what it imports from the site inside it, and it runs alone."""

import subprocess
import sys

import nbformat
import pytest

from sitekit.scripts import as_script

ADDRESS = "https://example.org/a/page.html"


def _notebook(*cells):
    make = {"code": nbformat.v4.new_code_cell, "text": nbformat.v4.new_markdown_cell}
    return nbformat.v4.new_notebook(cells=[make[kind](source) for kind, source in cells])


@pytest.fixture
def recipes(tmp_path):
    folder = tmp_path / "recipes"
    folder.mkdir()
    return folder


def _run(script, folder):
    path = folder / "page.py"
    path.write_text(script, encoding="utf-8")
    return subprocess.run([sys.executable, "-I", str(path)], cwd=folder, capture_output=True, text=True, check=False)


def test_the_cells_stand_in_order_under_the_pages_headings(recipes):
    script = as_script(_notebook(("text", "# A page\n\nWords.\n\n## First"), ("code", "a = 1"), ("text", "## Second"), ("code", "print(a + 1)")),
                       ADDRESS, recipes)
    assert script == ("# A page\n# The code of https://example.org/a/page.html, which shows and checks what it gives.\n\n"
                      "# %% First\n\na = 1\n\n# %% Second\n\nprint(a + 1)\n")


def test_a_line_of_code_in_the_text_is_no_heading(recipes):
    script = as_script(_notebook(("text", "# P\n\n```bash\n# not a heading\n```\n\n## A heading"), ("code", "1")), ADDRESS, recipes)
    assert "not a heading" not in script and "# %% A heading" in script


@pytest.mark.parametrize("text", ["ANSWER = 42\n", 'ANSWER = 42  # \'\'\' and """ and \\n\n'])
def test_a_recipe_that_the_page_imports_travels_inside(recipes, tmp_path, text):
    (recipes / "answer.py").write_text(text, encoding="utf-8")
    (recipes / "other.py").write_text("raise SystemExit('not asked for')\n", encoding="utf-8")
    cells = ("code", 'import sys\nsys.path.insert(0, "../recipes")\nimport answer\nprint(answer.ANSWER)')
    alone = tmp_path / "alone"
    alone.mkdir()
    script = as_script(_notebook(("text", "# P"), cells), ADDRESS, recipes)
    assert "not asked for" not in script
    done = _run(script, alone)
    assert (done.stdout, done.stderr) == ("42\n", "")


def test_numbers_for_the_prose_need_no_site(recipes, tmp_path):
    cells = ("code", 'from myst_nb import glue\nglue("x", 1, display=False)\nprint("done")')
    done = _run(as_script(_notebook(("text", "# P"), cells), ADDRESS, recipes), tmp_path)
    assert (done.stdout, done.stderr) == ("done\n", "")
