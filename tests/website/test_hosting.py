"""The hosted build: its file is valid for the service, and it builds what the Makefile builds."""

import json
import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LINES = [line for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def hosted() -> dict:
    return yaml.safe_load((ROOT / ".readthedocs.yaml").read_text(encoding="utf-8"))


def test_the_file_is_valid_against_the_services_schema(hosted):
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "readthedocs.json"
    jsonschema.validate(hosted, json.loads(schema.read_text(encoding="utf-8")))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**hosted, "build": {"os": "no-such-os"}}, json.loads(schema.read_text(encoding="utf-8")))


def test_it_pins_its_system_and_python(hosted):
    assert re.fullmatch(r"ubuntu-\d\d\.\d\d", hosted["build"]["os"])
    assert re.fullmatch(r"3\.1[123]", hosted["build"]["tools"]["python"])


def test_it_installs_the_pinned_versions_and_builds_with_the_same_configuration(hosted):
    jobs = hosted["build"]["jobs"]
    assert "pip install -r requirements.txt" in jobs["install"]
    [build] = jobs["build"]["html"]
    assert re.search(r"-m sphinx .*-W.*-c \. docs ", build), "conf.py of this folder, warnings are errors"


def test_every_version_is_pinned():
    loose = [line for line in LINES if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+( ; [^#]+)?(  # .+)?", line)]
    assert len(LINES) > 100 and not loose


def test_what_is_installed_here_is_what_is_pinned():
    wrong = {}
    for line in LINES:
        asked = Requirement(line.partition("#")[0])
        if asked.marker is None or asked.marker.evaluate():
            if (found := version(asked.name)) not in asked.specifier:
                wrong[asked.name] = found
    assert not wrong
