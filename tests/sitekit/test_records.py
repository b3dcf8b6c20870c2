"""Pages of another environment: shown from their records, run again, and held against them."""

import json
import shutil

import pytest

from sitekit import pages, records

from .conftest import Project, page

CLAIM = ("from IPython.display import publish_display_data\n"
         "publish_display_data({{'text/plain': 'ok', 'application/vnd.unrolled.claim+json': "
         "{{'sentence': 'It holds', 'check': 'close', 'measured': '{measured}', 'tolerance': '1e-5'}}}})")
RECORD = ("-m", "sitekit", "rerun", "elsewhere", "--record")
RERUN = RECORD[:-1]


def elsewhere(*cells, **options):
    """A page of the environment `elsewhere`."""
    return page(*cells, **options).replace("\n---\n", "\nsitekit: {environment: elsewhere}\n---\n", 1)


def change(path, *replacements):
    """Change the results in a record, as another run might."""
    record = json.loads(path.read_text())
    result = json.dumps(record["result"])
    for old, new in replacements:
        assert old in result
        result = result.replace(old, new)
    path.write_text(json.dumps({**record, "result": json.loads(result)}))


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A project with one recorded page, which reads a file as its environment."""
    project = Project(tmp_path_factory.mktemp("recorded"))
    project.write("conf.py", project.root.joinpath("conf.py").read_text() + "extensions.append('sitekit.recorded')\n")
    project.write("value.txt", "17.0")
    project.write("docs/a.md", elsewhere("print('VALUE', open('../value.txt').read())", CLAIM.format(measured="1.2e-07")))
    project.build(*RECORD)
    return project.root


@pytest.fixture
def recorded(template, project):
    """A copy of it to change."""
    shutil.copytree(template, project.root, dirs_exist_ok=True)
    return project


def test_a_build_shows_the_record_and_says_so(recorded):
    recorded.write("value.txt", "18.0")
    said = recorded.build("-m", "sitekit", "html", check=True).stdout
    html = (recorded.root / "_build/html/a.html").read_text()
    assert "VALUE 17.0" in html and "0 pages run, 0 from cache, 1 from records" in said
    record = json.loads((recorded.root / "docs/a.recorded.json").read_text())
    assert f"Recorded on {record['date']} with Python {record['versions']['Python']}" in html


def test_running_again_agrees(recorded):
    assert "1 page run" in recorded.build(*RERUN).stdout


def test_running_again_tells_of_a_difference(recorded):
    recorded.write("value.txt", "18.0")
    done = recorded.build(*RERUN, check=False)
    assert done.returncode == 1
    assert "a.md:11: cell 1: recorded is 'VALUE 17.0', now it is 'VALUE 18.0'" in done.stdout


def test_rounding_is_no_difference(recorded):
    change(recorded.root / "docs/a.recorded.json", ("1.2e-07", "9.5e-08"), ("VALUE 17.0", "VALUE 17.001"))
    assert recorded.build(*RERUN).returncode == 0


@pytest.mark.parametrize("old, new", [("It holds", "It held"), ("1.2e-07", "1.2e-03")])
def test_another_claim_is_a_difference(recorded, old, new):
    change(recorded.root / "docs/a.recorded.json", (old, new))
    assert "cell 2: recorded is" in recorded.build(*RERUN, check=False).stdout


def test_a_record_made_with_other_versions_is_a_difference(recorded):
    path = recorded.root / "docs/a.recorded.json"
    record = json.loads(path.read_text())
    record["versions"]["NumPy"] = "1.0"
    path.write_text(json.dumps(record))
    assert "recorded with NumPy 1.0, run with none" in recorded.build(*RERUN, check=False).stdout


def test_recording_again_keeps_what_agrees(recorded):
    before = (recorded.root / "docs/a.recorded.json").stat().st_mtime_ns
    recorded.build(*RECORD)
    assert (recorded.root / "docs/a.recorded.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("damage, reason", [
    (lambda path: path.unlink(), "it runs in the environment 'elsewhere' and has no recorded outputs (to record: make records)"),
    (lambda path: path.write_text("{"), "a.recorded.json cannot be read (JSONDecodeError"),
    (lambda path: path.write_text(path.read_text().replace("VALUE', open", "OTHER', open")), "its code has changed since its outputs were recorded"),
])
def test_a_build_without_a_fitting_record_fails(recorded, damage, reason):
    damage(recorded.root / "docs/a.recorded.json")
    done = recorded.build("-m", "sitekit", "html", check=False)
    assert done.returncode == 1 and f"docs/a.md:11: cell 1: {reason}" in done.stderr


def test_prose_may_change_without_recording_again(recorded):
    path = recorded.root / "docs/a.md"
    path.write_text(path.read_text().replace("Some prose.", "Other prose."))
    recorded.build("-m", "sitekit", "html")
    assert "Other prose." in (recorded.root / "_build/html/a.html").read_text()


def test_a_page_that_fails_is_not_recorded(project):
    project.write("docs/a.md", elsewhere("1 / 0"))
    done = project.build(*RECORD, check=False)
    assert done.returncode == 1 and "ZeroDivisionError" in done.stdout
    assert not (project.root / "docs/a.recorded.json").exists()


def test_an_environment_that_no_page_names(project):
    done = project.build("-m", "sitekit", "rerun", "nowhere", check=False)
    assert done.returncode == 2 and "no page below docs has `environment: nowhere`" in done.stdout


def test_versions_are_of_what_the_code_names(project):
    path = project.write("docs/a.md", elsewhere("import numpy as np\nuse = 'torch'"))
    assert set(records.versions(pages.read(path, "a"))) == {"Python", "NumPy", "PyTorch"}


def test_a_package_is_found_under_either_of_its_names(monkeypatch):
    def version(name):
        if name != "tensorflow-cpu":
            raise records.PackageNotFoundError(name)
        return "2.21.0+local"

    monkeypatch.setattr(records, "version", version)
    assert records.release("tensorflow") == "2.21.0" and records.release("torch") is None
