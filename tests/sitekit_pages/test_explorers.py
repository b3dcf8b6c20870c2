"""The place of an explorer on a page, what stands there without scripts, and the files that the scripts read."""

import json
import re

import numpy as np
import pytest

import unrolled as ur
from sitekit import explorers

PRESET = {"says": "Half open.", "x": 1, "hidden": 0.5, "kernel": [1], "recurrent_kernel": [0], "bias": [0]}
PRESETS = {
    "SimpleRNN": {"mix": PRESET},
    "LSTM": {"mix": PRESET | {"cell": -0.25, "kernel": [0] * 4, "recurrent_kernel": [0] * 4, "bias": [0, 50, 0, 0]}},
    "GRU": {"mix": PRESET | {"kernel": [0] * 3, "recurrent_kernel": [0] * 3, "bias": [[50, 0, 0], [0, 0, 9]]}},
}


@pytest.fixture
def site(project):
    project.extensions += ["sitekit.explorers"]
    project.options["html_static_path"] = []
    folder = project.source / "_static" / "explorers"
    folder.mkdir(parents=True)
    (folder / "presets.json").write_text(json.dumps(PRESETS), encoding="utf-8")
    return project


def test_a_page_with_an_explorer_links_its_script_and_no_other_page_does(site):
    site.write(index="# T\n\n```{explorer} cell\n:layer: GRU\n```\n\n```{toctree}\nplain\n```\n", plain="# P\n\nwords\n")
    assert site.build() == ""
    html = site.html("index")
    assert re.search(r'<section class="ur-explorer" data-explorer="cell" data-layer="GRU" aria-label="[^"]+">', html)
    assert re.search(r'<script type="module" src="_static/explorers/cell\.js', html)
    assert "explorers/time.js" not in html
    assert "explorers/" not in site.html("plain")


def test_without_scripts_there_is_a_table_of_what_unrolled_computes(site):
    site.write(index="# T\n\n```{explorer} cell\n```\n")
    assert site.build() == ""
    cells = re.findall(r"<td><p>(.*?)</p></td>", site.html("index"))
    # f is open, i and o are half open, the candidate is 0: c stays, h is half its tanh
    assert cells == ["mix", "1.00", "0.50", "−0.25", "0.50", "1.00", "0.00", "0.50", "−0.25", "−0.12"]


def test_what_is_written_inside_stands_there_without_scripts(site):
    site.write(index="# T\n\n```{explorer} time\nSee the *picture*.\n```\n")
    assert site.build() == ""
    inside = re.search(r'data-explorer="time".*?</section>', site.html("index"), re.S)[0]
    assert "<em>picture</em>" in inside


@pytest.mark.parametrize(("layer", "numbers"), [
    ("LSTM", ["old cell state −0.25", "forget gate 1.00", "cell −0.25", "hidden −0.12"]),
    ("GRU", ["old hidden state 0.50", "update gate 1.00", "hidden 0.50"]), ("SimpleRNN", ["hidden 0.76"])])
def test_a_compact_cell_is_without_scripts_the_drawn_one_with_its_numbers(site, layer, numbers):
    site.write(index=f"# T\n\n```{{explorer}} cell\n:compact:\n:layer: {layer}\n```\n")
    assert site.build() == ""
    inside = re.search(r'<section class="ur-explorer"[^>]* data-compact .*?</section>', site.html("index"), re.S)[0]
    assert f"<title>{layer} cell" in inside and "Half open." in inside
    words = re.sub("<[^>]+>", "", inside)
    assert all(number in words for number in numbers), words


@pytest.mark.parametrize(("text", "message"), [
    ("```{explorer} shapes\n:compact:\n```", "compact is for the explorer 'cell', but this one is 'shapes'"),
    ("```{explorer} gate\n```", "there is no explorer 'gate', but there are cell, time, shapes"),
    ("```{explorer} cell\n:layer: GRRU\n```", "layer is 'GRRU', but there are LSTM; GRU; GRU, reset_after=False; SimpleRNN"),
])
def test_a_wrong_name_says_which_there_are(site, text, message):
    site.write(index=f"# T\n\n{text}\n")
    assert re.search(rf"index\.md:3: .*{re.escape(message)}", site.build())


def test_a_changed_preset_is_shown_by_the_next_build(site):
    site.write(index="# T\n\n```{explorer} cell\n:layer: SimpleRNN\n```\n")
    site.build()
    assert "0.76" in site.html("index")
    file = explorers.presets_file(site.source)
    file.write_text(json.dumps(PRESETS | {"SimpleRNN": {"mix": PRESET | {"x": 0.1}}}), encoding="utf-8")
    site.build()
    assert "0.10" in site.html("index") and "0.76" not in site.html("index")


def test_the_scripts_get_the_packages_names_and_the_presets(site):
    site.write(index="# T\n")
    site.build()
    source = (site.out / "_static" / "explorers" / "data.js").read_text(encoding="utf-8")
    data = {name: json.loads(value) for name, value in re.findall(r"^export const (\w+) = (.*);$", source, re.M)}
    assert data["PRESETS"] == PRESETS
    for kind, fields in data["FIELDS"].items():
        assert [field["name"] for field in fields] == [field.name for field in ur.fields.fields_of(kind)]
    assert list(data["FIELDS"]) == ["SimpleRNN", "LSTM", "GRU"] and data["FIELDS"]["LSTM"][1]["colour"] == "forget"
    assert set(data["LAYERS"]) == set(explorers.LAYERS)


def test_the_cases_are_of_every_layer_and_right_when_stepped_through(site):
    """Recomputed from what the file says, one step after the other: not by the loop that wrote it."""
    site.write(index="# T\n")
    site.build()
    found = json.loads((site.out / "_static" / "explorers" / "cases.json").read_text(encoding="utf-8"))
    assert {case["layer"] for case in found["cells"]} == set(explorers.LAYERS)
    for case in found["cells"]:
        weights = {name: value for name, value in case["cell"].items() if name != "kind"}
        for name in ("kernel", "recurrent_kernel", "bias"):
            weights[name] = None if weights[name] is None else np.array(weights[name])
        if weights["bias"] is not None and not weights.get("reset_after"):
            weights["bias"] = weights["bias"][0]
        cell = getattr(ur, f"{case['cell']['kind']}Cell")(**weights)
        states = [np.array(case["state"][name])[None] for name in ("hidden", "cell") if name in case["state"]]
        for t, x in enumerate(case["x"]):
            step = cell.step(np.array([x]), *states)
            states = [getattr(step, name) for name in ("hidden", "cell") if name in case["state"]]
            for name, value in step._asdict().items():
                np.testing.assert_allclose(value[0], case["steps"][name][t], rtol=0, atol=1e-9, err_msg=f"{case['layer']} {name}")
    largest = [case for case in found["counts"] if case["settings"]["units"] == 1_000_000]
    assert len(largest) == len(explorers.LAYERS)
    assert {int(case["total"]) for case in largest} == {
        blocks * (2 * 10**12 + rows * 10**6) for blocks, rows in ((1, 1), (4, 1), (3, 2), (3, 1))}
