"""The parameter calculator of the atlas, in a browser: it counts what the package counts, by mouse and by keyboard."""

import pytest

import unrolled as ur

PAGE = "/weights/atlas.html"
FORM = "form.ur-calculator"
LAYERS = {"SimpleRNN": ("SimpleRNN", {}), "LSTM": ("LSTM", {}), "GRU": ("GRU", {}),
          "GRU, reset_after=False": ("GRU", {"reset_after": False})}


@pytest.fixture
def page(tab):
    tab.goto(PAGE)
    tab.wait_for_selector(f"{FORM} output table")
    return tab


def _rows(page):
    return {row.locator("th").inner_text(): int(row.locator("td").last.inner_text().replace(",", ""))
            for row in page.locator(f"{FORM} output tr").all()}


def _set(page, **sizes):
    for name, value in sizes.items():
        page.locator(f"{FORM} [name={name}]").fill(str(value))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("features", "units", "classes"), [(10, 15, 3), (1, 1, 0), (300, 512, 2), (1000000, 1000000, 1000000)])
def test_it_counts_what_the_package_counts(page, layer, features, units, classes):
    page.locator(f"{FORM} select").select_option(layer)
    _set(page, features=features, units=units, classes=classes)
    kind, options = LAYERS[layer]
    count = ur.count_params(kind, features=features, units=units, classes=classes, **options)
    expected = {"kernel": count.input_to_hidden, "recurrent kernel": count.hidden_to_hidden, "bias": count.biases}
    if classes:
        expected |= {"Dense kernel": count.hidden_to_output, "Dense bias": count.output_biases}
    assert _rows(page) == expected | {"together": count.total}


@pytest.mark.parametrize(("name", "value", "message"), [
    ("units", "0", "units M: a whole number from 1 to 1,000,000, please."),
    ("features", "", "features D: a whole number from 1 to 1,000,000, please."),
    ("features", "2.5", "features D: a whole number from 1 to 1,000,000, please."),
    ("classes", "-1", "Dense classes K: a whole number from 0 to 1,000,000, please."),
])
def test_what_is_no_size_is_said_and_not_counted(page, name, value, message):
    _set(page, **{name: value})
    output = page.locator(f"{FORM} output")
    assert output.inner_text() == message and output.locator("table").count() == 0
    _set(page, **{name: "4"})
    assert output.locator("table").count() == 1


def test_it_works_by_keyboard_and_every_field_has_a_name(page):
    select = page.locator(FORM).get_by_label("layer")
    select.focus()
    page.keyboard.press("ArrowDown")
    assert select.input_value() == "LSTM"
    for label in ("features D", "units M", "Dense classes K"):
        page.keyboard.press("Tab")
        field = page.locator(FORM).get_by_label(label)
        assert field.evaluate("field => field === document.activeElement")
        field.press("ArrowUp")
    assert _rows(page)["together"] == ur.count_params("LSTM", features=11, units=16, classes=4).total


def test_enter_does_not_leave_the_page(page):
    page.get_by_label("units M").press("Enter")
    assert page.url.endswith(PAGE)


def test_in_the_dark_its_fields_are_dark(page):
    page.emulate_media(color_scheme="dark")
    page.reload()
    page.wait_for_selector(f"{FORM} output table")
    colours = page.locator(f"{FORM} input").first.evaluate(
        "field => { const s = getComputedStyle(field); return [s.backgroundColor, s.color] }")
    background, ink = (sum(map(int, c[4:-1].split(","))) for c in colours)
    assert background < 150 and ink > 500


def test_without_scripts_the_table_and_the_formula_stand(browser, address):
    context = browser.new_context(java_script_enabled=False, base_url=address)
    tab = context.new_page()
    tab.goto(PAGE)
    assert not tab.locator(FORM).is_visible()
    table = tab.locator("table", has_text="reset_after=False").last
    expected = f"{ur.count_params('LSTM', features=300, units=512).layer:,}"
    assert table.is_visible() and expected in table.inner_text()
    context.close()
