"""The explorers in a browser: their arithmetic is the package's, and so is what they show when a reader moves them."""

import ast
import json
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

import unrolled as ur

from .conftest import DOCS

PRESETS = json.loads((DOCS / "_static" / "explorers" / "presets.json").read_text(encoding="utf-8"))
LAYERS = {"LSTM": ("LSTM", {}), "GRU": ("GRU", {"reset_after": True}),
          "GRU, reset_after=False": ("GRU", {"reset_after": False}), "SimpleRNN": ("SimpleRNN", {})}
PAGES = {"cell": "/explorers/cell.html", "time": "/explorers/time.html", "shapes": "/explorers/shapes.html"}
EMBEDDED = {"/layers/lstm.html": "LSTM", "/layers/gru.html": "GRU", "/layers/simple-rnn.html": "SimpleRNN"}
SHIFTED = """window.shifted = 0; new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: 'layout-shift', buffered: true });"""


def _open(tab, kind):
    tab.goto(PAGES[kind] if kind in PAGES else kind)
    tab.locator(".ur-explorer").first.scroll_into_view_if_needed()  # it starts when a reader comes near
    tab.wait_for_selector(".ur-explorer[data-ready]")
    return tab.locator(".ur-explorer")


def _number(text):
    return float(text.replace("−", "-").replace(",", ""))


def _move(control, value):
    """As a reader does: a new value, and the event that says so."""
    control.evaluate("(control, value) => { control.value = value; control.dispatchEvent(new Event('input', {bubbles: true})) }", value)


# The arithmetic

CELLS = """async () => {
  const { unroll } = await import('/_static/explorers/cells.js');
  const cases = (await (await fetch('/_static/explorers/cases.json')).json()).cells;
  return cases.map(({ layer, cell, x, state, steps }) => {
    const found = unroll(cell, x, state);
    let [worst, numbers] = [0, 0];
    for (const [name, rows] of Object.entries(steps)) rows.forEach((row, t) => row.forEach((value, unit) => {
      worst = Math.max(worst, Math.abs(value - found[t][name][unit])); numbers += 1;
    }));
    return { layer, worst: Number.isFinite(worst) ? worst : 1e9, numbers };
  });
}"""


def test_the_scripts_compute_what_the_package_computes_on_the_cases_of_the_build(tab):
    _open(tab, "cell")
    found = tab.evaluate(CELLS)
    assert {case["layer"] for case in found} == set(LAYERS)
    assert sum(case["numbers"] for case in found) > 1000
    assert max(case["worst"] for case in found) <= 1e-6, found


def test_the_scripts_count_and_promise_what_the_package_does(tab):
    _open(tab, "shapes")
    counts = tab.evaluate("""async () => {
      const { countParams } = await import('/_static/explorers/contract.js');
      const cases = (await (await fetch('/_static/explorers/cases.json')).json()).counts;
      return cases.map(({ settings, weights, total }) => {
        const found = countParams(settings);
        return [[...weights, total], [...found.weights.map(w => String(w[2])), String(found.total)]];
      });
    }""")
    assert counts and all(expected == found for expected, found in counts)
    returns = tab.evaluate("""async () => {
      const { returns, countParams } = await import('/_static/explorers/contract.js');
      const cases = JSON.parse(document.querySelector('script.ur-cases').textContent);
      return cases.map(c => [[c.returns, c.params], [returns(c.settings), Number(countParams(c.settings).total)]]);
    }""")
    assert len(returns) == 32 and all(expected == found for expected, found in returns)


# The cell


def _cell(layer, numbers):
    kind, options = LAYERS[layer]
    bias = np.array(numbers["bias"], float)
    if kind == "GRU" and not options["reset_after"]:
        bias = bias[0]
    kernel, recurrent = (np.array([numbers[name]], float) for name in ("kernel", "recurrent_kernel"))
    return getattr(ur, f"{kind}Cell")(kernel, recurrent, bias, **options)


def _after(layer, numbers):
    """Every field after one step, by the package."""
    states = [np.array([[numbers[name]]], float) for name in ("hidden", "cell") if name in numbers]
    step = _cell(layer, numbers).step(np.array([[numbers["x"]]], float), *states)
    return {name: value.item() for name, value in step._asdict().items()}


def _shown(explorer):
    return {cell.get_attribute("data-field"): _number(cell.inner_text()) for cell in explorer.locator("td.ur-value").all()}


def _agree(explorer, expected):
    shown = _shown(explorer)
    assert shown.keys() == expected.keys()
    assert all(abs(shown[name] - expected[name]) <= 5.1e-5 for name in expected), (shown, expected)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_slider_moved_gives_the_packages_numbers(tab, layer):
    """Each slider in turn, weights too; after each, all that is shown is computed anew by the package."""
    explorer = _open(tab, "cell")
    explorer.get_by_text(layer, exact=True).click()
    numbers = json.loads(json.dumps(PRESETS[LAYERS[layer][0]]["mix"]))
    _agree(explorer, _after(layer, numbers))
    explorer.locator("summary").click()
    blocks = {"LSTM": ["input_gate", "forget_gate", "candidate", "output_gate"],
              "GRU": ["update_gate", "reset_gate", "candidate"], "SimpleRNN": ["hidden"]}[LAYERS[layer][0]]
    for k, slider in enumerate(explorer.locator("input[type=range]").all()):
        value = (-1) ** k * (0.35 + 0.05 * k)
        name, _, field = slider.get_attribute("name").partition(" ")
        rows = numbers["bias"] if LAYERS[layer][0] == "GRU" else [numbers["bias"]]
        if not field:
            numbers[name] = value
        else:
            target = {"bias": rows[0], "recurrent_bias": rows[-1]}.get(name) or numbers[name]
            target[blocks.index(field)] = value
        _move(slider, f"{value:.2f}")
        _agree(explorer, _after(layer, numbers))
    # 1 x, the states, and for each block a kernel, a recurrent kernel and its biases
    expected = {"LSTM": 3 + 12, "GRU": 2 + 12, "GRU, reset_after=False": 2 + 9, "SimpleRNN": 2 + 3}
    assert k + 1 == expected[layer]


@pytest.mark.parametrize("layer", LAYERS)
def test_each_preset_sets_its_numbers_and_the_next_step_hands_the_states_on(tab, layer):
    explorer = _open(tab, "cell")
    explorer.get_by_text(layer, exact=True).click()
    for name, preset in PRESETS[LAYERS[layer][0]].items():
        explorer.get_by_role("button", name=name).click()
        numbers = dict(preset)
        _agree(explorer, _after(layer, numbers))
        assert preset["says"] in explorer.inner_text()
        for _ in range(3):
            explorer.get_by_role("button", name="next step").click()
            after = _after(layer, numbers)
            numbers |= {state: after[state] for state in ("hidden", "cell") if state in numbers}
            _agree(explorer, _after(layer, numbers))
    assert name == "count"
    if layer == "LSTM":
        assert round(_shown(explorer)["cell"]) == 4


@pytest.mark.parametrize(("page", "layer"), EMBEDDED.items())
def test_a_layers_page_starts_with_its_own_layer(tab, page, layer):
    explorer = _open(tab, page)
    assert explorer.get_by_role("radio", name=layer, exact=True).is_checked()
    _agree(explorer, _after(layer, PRESETS[layer]["mix"]))


def test_the_drawing_follows_the_numbers(tab):
    """A shut gate empties its box; a larger state is a wider wire; a negative one is dashed; the text says the same."""
    explorer = _open(tab, "cell")
    fill = explorer.locator(".ur-fill[data-colour=forget]")
    wire = explorer.locator(".ur-wire[data-colour=cell]").first
    bias, cell = explorer.locator("[name='bias forget_gate']"), explorer.locator("[name=cell]")
    _move(bias, 10)
    full = float(fill.get_attribute("height"))
    _move(bias, -10)
    assert float(fill.get_attribute("height")) < 0.01 * full
    _move(cell, 0.5)
    narrow = float(wire.get_attribute("stroke-width"))
    _move(cell, 4)
    assert float(wire.get_attribute("stroke-width")) > 1.5 * narrow and wire.get_attribute("stroke-dasharray") is None
    _move(cell, -4)
    assert wire.get_attribute("stroke-dasharray")
    now = _shown(explorer)
    assert f"c = {now['cell']:.2f}".replace("-", "−") in explorer.get_by_role("img").get_attribute("aria-label")


def test_each_slider_has_a_name_in_words(tab):
    explorer = _open(tab, "cell")
    explorer.get_by_text("GRU", exact=True).click()
    explorer.locator("summary").click()
    for field, name in (("x", "xt input"), ("hidden", "ht−1 old hidden state"), ("bias update_gate", "bz bias of the update gate"),
                        ("recurrent_bias candidate", "b′h recurrent bias of the candidate"),
                        ("kernel reset_gate", "Wr kernel of the reset gate"),
                        ("recurrent_kernel candidate", "Uh recurrent kernel of the candidate")):
        assert explorer.get_by_role("slider", name=name, exact=True).get_attribute("name") == field
    explorer.get_by_text("SimpleRNN", exact=True).click()
    assert explorer.get_by_role("slider", name="b bias", exact=True).get_attribute("name") == "bias hidden"


def test_the_cell_works_by_keyboard_alone_and_says_what_it_did(tab):
    explorer = _open(tab, "cell")
    explorer.get_by_role("radio", name="LSTM", exact=True).focus()
    tab.keyboard.press("ArrowRight")
    assert explorer.get_by_role("radio", name="GRU", exact=True).is_checked()
    assert set(_shown(explorer)) == {"update_gate", "reset_gate", "candidate", "hidden"}
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")  # the second preset
    _agree(explorer, _after("GRU", PRESETS["GRU"]["remember"]))
    slider = explorer.get_by_role("slider").first
    slider.focus()
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    _agree(explorer, _after("GRU", PRESETS["GRU"]["remember"] | {"x": PRESETS["GRU"]["remember"]["x"] + 0.15}))
    assert slider.get_attribute("aria-valuetext") == "−0.85"
    said = explorer.locator("[role=status]")
    said.filter(has_text="of the old state").wait_for(state="attached", timeout=5000)
    assert f"{_shown(explorer)['hidden']:.2f}" in said.inner_text()


# Home


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_home_says_in_one_screen_what_this_is_and_nothing_moves_when_the_cell_comes(browser, address, width, height):
    """The name, what it is, what was checked, a cell that works, three ways in: all above the fold."""
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=address)
    context.add_init_script(SHIFTED)
    tab = context.new_page()
    explorer = _open(tab, "/index.html")
    tab.wait_for_timeout(300)
    assert tab.evaluate("window.shifted") < 0.02
    shown = tab.locator("article h1, .ur-build, .ur-explorer[data-ready], .ur-ways .sd-card")
    boxes = [part.bounding_box() for part in shown.all()]
    assert len(boxes) == 6 and max(box["y"] + box["height"] for box in boxes) <= height
    assert re.search(r"[1-9]\d* claims on [1-9]\d* pages", tab.locator(".ur-build").inner_text())
    assert tab.locator(".ur-build a").get_attribute("href") == "reference/verified.html"
    before = _fills(explorer)
    explorer.get_by_role("button", name="count").click()
    for _ in range(3):
        explorer.get_by_role("button", name="next step").click()
    expected = PRESETS["LSTM"]["count"] | {"hidden": 0.0, "cell": 0.0}
    for _ in range(4):
        after = _after("LSTM", expected)
        expected |= {state: after[state] for state in ("hidden", "cell")}
    assert f"c = {expected['cell']:.2f}" in explorer.get_by_role("img").get_attribute("aria-label")
    assert _fills(explorer) != before
    context.close()


def _fills(explorer):
    return explorer.locator(".ur-fill").evaluate_all("all => all.map(fill => fill.getAttribute('height'))")


def test_homes_cell_works_by_keyboard_and_has_its_sliders_on_a_phone(browser, address):
    context = browser.new_context(viewport={"width": 360, "height": 740}, base_url=address)
    tab = context.new_page()
    explorer = _open(tab, "/index.html")
    slider = explorer.locator("[name='bias forget_gate']")
    assert not slider.is_visible()
    explorer.locator("summary").focus()
    tab.keyboard.press("Enter")
    slider.focus()
    tab.keyboard.press("ArrowRight")
    kept = _after("LSTM", PRESETS["LSTM"]["mix"] | {"bias": [-0.5, 1.05, -0.5, 0]})
    assert f"{kept['cell']:.2f}" in explorer.locator(".ur-explorer-says").inner_text()
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 360
    found = Axe().run(tab, context={"include": [[".ur-explorer"]]}, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(issue["id"], node["html"][:160]) for issue in found for node in issue["nodes"]] == []
    context.close()


def test_home_reads_well_without_scripts(browser, address):
    context = browser.new_context(java_script_enabled=False, base_url=address)
    tab = context.new_page()
    tab.goto("/index.html")
    place = tab.locator(".ur-explorer")
    assert place.locator("figure svg").is_visible() and "forget gate" in place.locator("figure").get_attribute("aria-label")
    for name, value in _after("LSTM", PRESETS["LSTM"]["mix"]).items():
        assert f"{name.replace('_', ' ')} {value:.2f}" in place.inner_text()
    context.close()


def test_homes_first_view_weighs_little(browser, address, site):
    """All that its first view asks for, compressed as hosts do: at most 350 kB."""
    import gzip

    context = browser.new_context(base_url=address)
    tab = context.new_page()
    asked = []
    tab.on("response", lambda answer: asked.append(answer.url))
    _open(tab, "/index.html")
    tab.wait_for_load_state("networkidle")
    files = [site / url.split("?")[0].removeprefix(f"{address}/") for url in set(asked) if url.startswith(address)]
    sizes = {file.name: len(file.read_bytes() if file.suffix == ".woff2" else gzip.compress(file.read_bytes())) for file in files}
    assert sum(sizes.values()) <= 350_000, sorted(sizes.items(), key=lambda item: -item[1])[:6]
    context.close()


def test_the_mark_has_the_palettes_colours():
    static = DOCS / "_static"
    light, dark = ur.palette.LIGHT["hidden"], ur.palette.DARK["hidden"]
    for name, colours in (("logo.svg", {light}), ("logo-dark.svg", {dark}), ("favicon.svg", {light, dark})):
        assert set(re.findall(r"#[0-9a-f]{6}", (static / name).read_text(encoding="utf-8"))) == colours, name
    light_mark, dark_mark = ((static / name).read_text(encoding="utf-8") for name in ("logo.svg", "logo-dark.svg"))
    assert light_mark.replace(light, dark) == dark_mark


# Time


@pytest.fixture
def models(tab):
    """The models that the page ships, by name."""
    _open(tab, "time")
    found = tab.locator("script.ur-model").evaluate_all("scripts => scripts.map(s => JSON.parse(s.textContent))")
    return {model["name"]: model for model in found}


def _trace(model, codes):
    real = {name: np.array(model[name]) / model["scale"] for name in ("embedding", "kernel", "recurrent_kernel", "bias")}
    vectors = real.pop("embedding")
    if model["kind"] == "LSTM":
        real["bias"] = real["bias"][0]
    return ur.unroll(getattr(ur, f"{model['kind']}Cell")(**real), vectors[np.array(codes)][None])


def _answers(model, trace):
    kernel, bias = (np.array(model["dense"][name]) / model["scale"] for name in ("kernel", "bias"))
    return trace.hidden[0] @ kernel + bias


def _letters(model, text):
    return [model["tokens"].index(letter) for letter in text]


def _words(model, text):
    codes = [model["tokens"].index(word) if word in model["tokens"] else model["unknown"] for word in text.split()]
    return [model["padding"]] * (model["pad"] - len(codes)) + codes


def _agree_at(explorer, trace, step, units):
    for field in trace.fields:
        for k, unit in enumerate(units):
            shown = _number(explorer.locator(f"[data-field={field}][data-unit='{k}']").inner_text())
            assert abs(shown - getattr(trace, field)[0, step, unit]) <= 5.1e-5, (field, step, unit)


@pytest.mark.parametrize(("name", "text"), [
    ("reviews", "not really good about lunch"), ("reviews", "zebra bad never good not bad think about it all day today and more"),
    ("letters", "Now is better than never."), ("letters", "a")])
def test_what_you_type_goes_through_the_trained_weights_as_the_package_has_it(tab, models, name, text):
    """Scrubbed through, for two units of my choice: each gate and state at each of the steps looked at."""
    explorer, model = tab.locator(".ur-explorer"), models[name]
    explorer.get_by_text(model["title"]).click()
    explorer.get_by_label("Your own text").fill(text)
    trace = _trace(model, (_letters if name == "letters" else _words)(model, text))
    steps = trace.hidden.shape[1]
    scrubber = explorer.get_by_role("slider")
    assert int(scrubber.get_attribute("max")) == steps - 1 == int(scrubber.input_value())
    units = [5, 2]
    for which, unit in zip(("solid", "dashed"), units):
        explorer.get_by_label(f"unit, {which} line").select_option(str(unit))
    for step in sorted({0, steps // 2, steps - 1}):
        _move(scrubber, step)
        assert f"step {step + 1} of {steps}" in explorer.inner_text()
        _agree_at(explorer, trace, step, units)
        scores = _answers(model, trace)[step]
        share = (np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()).max() if len(scores) > 1 else 1 / (1 + np.exp(-scores[0]))
        first = explorer.locator(".ur-answers li").first.inner_text()
        assert abs(int(re.search(r"(\d+) %", first)[1]) - 100 * share) <= 0.51


def test_a_series_goes_through_the_forecaster_as_the_package_has_it(tab, models):
    """The numbers typed are one station's; the others are the day's; the forecasts are those of the package."""
    explorer, model = tab.locator(".ur-explorer"), models["series"]
    explorer.get_by_text(model["title"]).click()
    field = explorer.get_by_label("Your own series")
    assert [float(part) for part in field.input_value().split()] == [row[model["column"]] for row in model["series"]]
    explorer.get_by_label("station").select_option("1")
    field.fill("9.5, 9 −3 warm 12 12 30")
    assert "“warm”" in explorer.locator(".ur-hint").inner_text()
    degrees = np.array(model["series"][:6])
    degrees[:, 1] = [9.5, 9, -3, 12, 12, 30]
    mean, deviation = np.array(model["mean"]), np.array(model["deviation"])
    real = {name: np.array(model[name]) / model["scale"] for name in ("kernel", "recurrent_kernel", "bias")}
    trace = ur.unroll(ur.GRUCell(**real), ((degrees - mean) / deviation)[None])
    following = degrees + _answers(model, trace) * deviation
    scrubber = explorer.get_by_role("slider")
    assert scrubber.get_attribute("max") == "5"
    for step in (0, 3, 5):
        _move(scrubber, step)
        _agree_at(explorer, trace, step, model["units"])
        shown = [_number(text.rstrip("°")) for text in explorer.locator(".ur-share").all_inner_texts()]
        assert np.abs(np.array(shown) - [degrees[step, 1], *following[step, 1:3]]).max() <= 0.051
        before = "–" if step == 0 else f"{following[step - 1, 1]:.2f}".replace("-", "−")
        assert f"{degrees[step, 1]:.2f}".replace("-", "−") + f"  ·  {before}" == explorer.locator(".ur-plot .ur-number").first.text_content()
    dashed = explorer.locator(".ur-plot g").first.locator("path[stroke-dasharray]")
    assert dashed.get_attribute("d").count(" ") == 5, "a forecast for each hour but the first"
    field.fill("warm")
    assert scrubber.is_disabled() and explorer.locator("[data-field]").count() == 0


def test_the_scrubber_hides_nothing_and_names_stand_on_one_line(tab, models):
    explorer = tab.locator(".ur-explorer")
    assert explorer.locator(".ur-scrub").evaluate("bar => getComputedStyle(bar).position") == "static"
    tall = explorer.locator(".ur-field").evaluate_all("all => all.map(e => e.getBoundingClientRect().height)")
    assert max(tall) < 30, tall
    bottoms = [explorer.locator(part).bounding_box() for part in (".ur-scrub", ".ur-plot")]
    assert bottoms[1]["y"] + bottoms[1]["height"] - bottoms[0]["y"] < 640, "the bar and the whole plot fit in a window"


def test_it_says_what_it_does_not_know(tab, models):
    explorer = tab.locator(".ur-explorer")
    explorer.get_by_text(models["letters"]["title"]).click()
    field = explorer.get_by_label("Your own text")
    field.fill("Schön")
    assert "“ö”" in explorer.locator(".ur-hint").inner_text()
    assert explorer.get_by_role("slider").get_attribute("max") == "3", "the other four letters are read"
    field.fill("")
    assert explorer.get_by_role("slider").is_disabled() and explorer.locator("[data-field]").count() == 0
    field.fill("Schon")
    assert "“" not in explorer.locator(".ur-hint").inner_text() and explorer.get_by_role("slider").is_enabled()


def test_the_model_writes_on_what_it_finds_likeliest(tab, models):
    explorer, model = tab.locator(".ur-explorer"), models["letters"]
    explorer.get_by_text(model["title"]).click()
    field = explorer.get_by_label("Your own text")
    field.fill("Simple is ")
    explorer.get_by_role("button", name="write on").click()
    codes = _letters(model, "Simple is ")
    for _ in range(20):
        codes.append(int(_answers(model, _trace(model, codes))[-1].argmax()))
    expected = "".join(model["tokens"][code] for code in codes).replace("\n", " ")
    assert field.input_value() == expected


def test_time_moves_by_keyboard_and_by_playing_and_the_cursor_with_it(tab, models):
    explorer = tab.locator(".ur-explorer")
    scrubber = explorer.get_by_role("slider")
    cursor = lambda: float(explorer.locator(".ur-cursor").get_attribute("x1"))
    scrubber.focus()
    tab.keyboard.press("Home")
    start = cursor()
    tab.keyboard.press("ArrowRight")
    assert cursor() > start and "step 2 of" in explorer.inner_text()
    assert "2 of 12" in scrubber.get_attribute("aria-valuetext")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")  # play
    explorer.get_by_text("step 4 of 12").wait_for(timeout=5000)
    explorer.get_by_role("button", name="pause").click()
    here = scrubber.input_value()
    tab.wait_for_timeout(800)
    assert scrubber.input_value() == here


def test_every_control_over_time_is_reached_and_moved_by_keyboard(tab, models):
    explorer = tab.locator(".ur-explorer")
    explorer.get_by_role("radio", name=models["reviews"]["title"]).focus()
    tab.keyboard.press("ArrowUp")  # from the first round to the last: the series
    assert explorer.get_by_role("radio", name=models["series"]["title"]).is_checked()
    reached = []
    for _ in range(6):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.name || document.activeElement.textContent"))
        if reached[-1] in ("column", "first", "second"):
            before = tab.evaluate("document.activeElement.value")
            tab.keyboard.press("ArrowDown" if reached[-1] != "first" else "Home")
            assert tab.evaluate("document.activeElement.value") != before
    assert reached == ["column", "text", "first", "second", "step", "play"]
    column = models["series"]["column"] + 1
    assert explorer.get_by_label("Your own series").input_value().split()[0] == f"{models['series']['series'][0][column]:g}"
    assert f"station {column}, now" in explorer.inner_text() and "unit 0" in explorer.locator("thead").inner_text()


def test_the_weights_are_small(tab, models):
    import gzip

    assert len(gzip.compress(json.dumps(models, separators=(",", ":")).encode())) < 100_000


# Shapes


def test_every_setting_shows_what_the_live_layer_gave(tab):
    explorer = _open(tab, "shapes")
    cases = json.loads(tab.locator("script.ur-cases").text_content())
    for case in cases:
        s = case["settings"]
        explorer.get_by_label("layer").select_option(case["name"])
        for label, name in (("units M", "units"), ("timesteps T", "timesteps"), ("features D", "features")):
            explorer.get_by_label(label).fill(str(s[name]))
        for name in ("return_sequences", "return_state", "bidirectional"):
            explorer.locator(f"[name={name}]").set_checked(s[name])
        shown = explorer.locator("tr[data-tensor]").evaluate_all(
            "rows => rows.map(r => [r.dataset.tensor, r.querySelector('.ur-shape').textContent])")
        written = [[name, f"({', '.join('batch' if size is None else str(size) for size in shape)})"] for name, shape in case["returns"]]
        assert shown == written
        assert _number(explorer.locator(".ur-total .ur-count").inner_text()) == case["params"]
        left, call = _assigned(explorer.locator(".ur-lines").inner_text())
        assert len(left) == len(case["came"])
        assert ("Bidirectional" in call) == s["bidirectional"] and f"{s['layer']}({s['units']}" in call
        for flag in ("return_sequences", "return_state"):
            assert (f"{flag}=True" in call) == s[flag]


def _assigned(code):
    """The names on the left, and the call, of the last line to copy."""
    statement = ast.parse(code).body[-1]
    target = statement.targets[0]
    return [name.id for name in getattr(target, "elts", [target])], ast.unparse(statement.value)


def test_every_control_of_the_shapes_is_reached_and_moved_by_keyboard(tab):
    explorer = _open(tab, "shapes")
    explorer.get_by_label("layer").focus()
    tab.keyboard.press("ArrowDown")
    for digit in "357":
        tab.keyboard.press("Tab")
        tab.keyboard.press("ControlOrMeta+a")
        tab.keyboard.type(digit)
    for _ in range(3):
        tab.keyboard.press("Tab")
        tab.keyboard.press("Space")
    left, call = _assigned(explorer.locator(".ur-lines").inner_text())
    assert left == ["output", "forward_h", "backward_h"]
    assert call == "layers.Bidirectional(layers.GRU(3, return_sequences=True, return_state=True))(x)"
    assert "(batch, 5, 6)" in explorer.inner_text()
    count = ur.count_params("GRU", features=7, units=3).layer
    assert _number(explorer.locator(".ur-total .ur-count").inner_text()) == 2 * count


def test_what_is_no_size_is_said(tab):
    explorer = _open(tab, "shapes")
    field = explorer.get_by_label("units M")
    field.fill("0")
    assert "units M: a whole number from 1 to 1,000,000, please." in explorer.inner_text()
    assert field.get_attribute("aria-invalid") == "true"
    field.fill("7")
    assert "please" not in explorer.inner_text() and "(batch, 7)" in explorer.inner_text()
    field.press("Enter")
    assert tab.url.endswith(PAGES["shapes"])


def test_the_copy_button_copies_the_lines(browser, address):
    context = browser.new_context(base_url=address, permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    explorer = _open(tab, "shapes")
    explorer.get_by_role("button", name="copy").click()
    explorer.get_by_role("button", name="copied").wait_for(timeout=5000)
    assert tab.evaluate("navigator.clipboard.readText()") == explorer.locator(".ur-lines").inner_text()
    context.close()


# Reach


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", PAGES)
def test_on_the_narrowest_phone_it_fits_is_legible_and_accessible(browser, address, kind, scheme):
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme, base_url=address)
    tab = context.new_page()
    explorer = _open(tab, kind)
    for summary in explorer.locator("summary").all():
        summary.click()
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 360
    sizes = explorer.locator("svg text").evaluate_all("""texts => texts.filter(t => t.textContent.trim()).map(t =>
      parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a)""")
    assert sizes and min(sizes) >= 10.5, min(sizes)
    small = explorer.locator("button, select, summary, .ur-choice label, input:not([type=radio])").evaluate_all(
        "all => all.filter(e => e.checkVisibility()).filter(e => { const r = e.closest('fieldset label')?.getBoundingClientRect() ?? e.getBoundingClientRect(); return Math.min(r.width, r.height) < 24 }).map(e => e.outerHTML)")
    assert small == []
    found = Axe().run(tab, context={"include": [[".ur-explorer"]]}, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(issue["id"], node["html"][:160]) for issue in found for node in issue["nodes"]] == []
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("kind", PAGES)
def test_the_page_does_not_move_when_the_explorer_comes(browser, address, kind, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, base_url=address)
    context.add_init_script(SHIFTED)
    tab = context.new_page()
    _open(tab, kind)
    tab.wait_for_timeout(300)
    assert tab.evaluate("window.shifted") < 0.1
    context.close()


@pytest.mark.parametrize("kind", PAGES)
def test_it_runs_under_a_policy_that_allows_no_script_in_the_page(tab, kind):
    def guarded(route):
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": "script-src 'self'"})

    tab.route("**/*.html", guarded)
    explorer = _open(tab, kind)
    before = explorer.inner_text()
    control = explorer.locator("input[type=range]:visible, input[type=number]").first
    _move(control, 2)
    assert explorer.inner_text() != before
    handlers = explorer.locator("*").evaluate_all(
        "all => all.flatMap(e => [...e.attributes]).filter(a => a.name.startsWith('on')).map(a => a.name)")
    assert handlers == []


@pytest.mark.parametrize("kind", PAGES)
def test_nothing_moves_by_itself_where_the_reader_wants_no_motion(browser, address, kind):
    context = browser.new_context(base_url=address, reduced_motion="reduce")
    tab = context.new_page()
    explorer = _open(tab, kind)
    before = explorer.inner_text()
    _move(explorer.locator("input[type=range]:visible, input[type=number]").first, 2)
    assert explorer.inner_text() != before
    assert explorer.evaluate("e => e.getAnimations({ subtree: true }).length") == 0
    context.close()


@pytest.mark.parametrize("kind", PAGES)
def test_without_scripts_the_page_reads_well(browser, address, kind):
    context = browser.new_context(java_script_enabled=False, base_url=address)
    tab = context.new_page()
    tab.goto(PAGES[kind])
    place = tab.locator(".ur-explorer")
    assert "needs JavaScript" in place.inner_text()
    if kind == "cell":
        row = place.locator("tr", has_text="remember")
        expected = _after("LSTM", PRESETS["LSTM"]["remember"])
        assert f"{expected['cell']:.2f}" in row.inner_text() and f"{expected['hidden']:.2f}" in row.inner_text()
    else:
        assert tab.locator({"time": "figure.ur-figure svg", "shapes": "table"}[kind]).first.is_visible()
    context.close()
