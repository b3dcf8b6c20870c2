"""The explorer of which input mattered, in a browser: what it shows is what the page computed, by mouse and by keyboard."""

import json

import pytest

PAGE = "/training/which-input.html"
FORM = "form.ur-connectivity"


@pytest.fixture
def page(tab):
    tab.goto(PAGE)
    tab.wait_for_selector(f"{FORM} fieldset label")
    return tab


@pytest.fixture
def data(page):
    """What the page's cell computed."""
    return json.loads(page.locator(FORM).get_attribute("data-connectivity"))


def _chosen(page):
    return int(page.locator(f"{FORM} [name=step]:checked").get_attribute("value"))


def _shown(page):
    """The figure under each word."""
    return page.locator(f"{FORM} small").all_inner_texts()


def _shades(page):
    """How strong each word's background is: the distance of its colour from white."""
    return page.locator(f"{FORM} fieldset label").evaluate_all("""tiles => tiles.map(tile => {
      const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
      canvas.fillStyle = getComputedStyle(tile).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      return 765 - canvas.getImageData(0, 0, 1, 1).data.slice(0, 3).reduce((sum, part) => sum + part, 0);
    })""")


def _expected(data, layer, step):
    sizes = data["layers"][layer]["sizes"][step]
    return [f"{100 * size / sum(sizes):.0f}" for size in sizes]


def _close(shown, expected):
    """Equal but for what rounding half up or half to even does."""
    assert len(shown) == len(expected)
    assert all(abs(int(a.removesuffix(" %")) - int(b)) <= 1 for a, b in zip(shown, expected)), (shown, expected)


@pytest.mark.parametrize("layer", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("word", [0, 5, -1])
def test_every_word_read_shows_its_share_and_later_words_show_none(page, data, layer, word):
    step = range(len(data["words"]))[word]
    page.locator(f"{FORM} select").select_option(layer)
    page.locator(f"{FORM} [name=step]").nth(step).check(force=True)
    shown = _shown(page)
    _close(shown[:step + 1], _expected(data, layer, step))
    assert shown[step + 1:] == ["later"] * (len(data["words"]) - step - 1)
    said = page.locator(f"{FORM} output").inner_text()
    answer = f"{data['layers'][layer]['answers'][step]:.1f}".replace("-", "−").replace("−0.0", "0.0")
    assert said.startswith(f"After “{data['words'][step]}” the {layer} answers {answer}")


def test_a_word_with_a_larger_gradient_is_darker(page, data):
    sizes, shades = data["layers"]["LSTM"]["sizes"][-1], _shades(page)
    largest, smallest = max(range(len(sizes)), key=sizes.__getitem__), min(range(len(sizes)), key=sizes.__getitem__)
    assert shades[largest] == max(shades) > 100
    assert shades[smallest] == min(shades) < 20


def test_the_arrow_keys_move_the_output_and_every_field_has_a_name(page, data):
    last = len(data["words"]) - 1
    assert _chosen(page) == last
    select = page.locator(FORM).get_by_label("layer")
    select.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert _chosen(page) == last - 2
    _close(_shown(page)[:last - 1], _expected(data, "LSTM", last - 2))
    outline = page.locator(f"{FORM} fieldset label").nth(last - 2).evaluate("tile => getComputedStyle(tile).outlineStyle")
    assert outline == "solid", "the word with the focus is framed"
    assert page.get_by_role("group", name="the output after the word").get_by_role("radio").count() == last + 1
    assert page.get_by_role("radio", name=data["words"][1]).count() >= 1


def test_a_word_can_be_chosen_with_the_mouse(page):
    page.locator(f"{FORM} fieldset label").nth(3).click()
    assert _chosen(page) == 3


def test_on_a_phone_and_in_the_dark_the_words_wrap_and_can_be_read(page):
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    page.reload()
    page.wait_for_selector(f"{FORM} fieldset label")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    ink, darkest = page.locator(f"{FORM} fieldset label").first.evaluate("tile => getComputedStyle(tile).color"), max(_shades(page))
    assert sum(map(int, ink[4:-1].split(",")[:3])) > 500 and darkest > 500


def test_without_scripts_the_pictures_stand(browser, address):
    context = browser.new_context(java_script_enabled=False, base_url=address)
    tab = context.new_page()
    tab.goto(PAGE)
    assert not tab.locator(FORM).is_visible()
    figures = tab.locator(".ur-figure svg")
    assert figures.count() == 2 and all(figure.is_visible() for figure in figures.all())
    context.close()
