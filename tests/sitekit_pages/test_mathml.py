"""Formulas to MathML: what the pages write, colours, numbers, and what cannot be read."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from sitekit.mathml import COLOUR_MACROS, to_mathml

FORMULAS = [
    r"\sigma(W_{xi} x_t + b)", r"\tanh", r"\odot", r"\tilde{c}_t", r"\hat{h}_t", r"x \in \mathbb{R}^{T \times D}",
    r"h^* = \max_t h(t)", r"\frac{\partial L}{\partial h_t}", r"10{,}000", r"\operatorname{softmax}(x)",
    r"\text{if } x > 0 \text{ \& so on}", r"\begin{cases} 1 & x > 0 \\ 0 & \text{else} \end{cases}",
]


def text_of(mathml: str) -> str:
    return "".join(ElementTree.fromstring(mathml.replace("&ApplyFunction;", "")).itertext())


@pytest.mark.parametrize("latex", FORMULAS)
@pytest.mark.parametrize("display", [False, True])
def test_what_the_pages_write_becomes_well_formed_mathml_without_tex(latex, display):
    found = to_mathml(latex, display=display)
    assert ('display="block"' in found) == display
    assert "\\" not in text_of(found)


def test_the_symbols_are_the_ones_written():
    assert text_of(to_mathml(r"\sigma(x_t W_f) \odot \tilde{c}_t")) == "σ(xtWf)⊙c˜t"


@pytest.mark.parametrize(("macro", "colour"), COLOUR_MACROS.items())
def test_a_colour_macro_gives_the_palettes_variable_so_that_it_follows_light_and_dark(macro, colour):
    found = to_mathml(rf"a + \{macro}{{f_t}} + b")
    assert re.findall(r"color:([^;]+);", found) == [f"var(--ur-{colour})"]
    [group] = [part for part in ElementTree.fromstring(found).iter() if "style" in part.attrib]
    assert "".join(group.itertext()) == "ft", "only what the macro holds is coloured"


def test_every_colour_macro_names_a_colour_of_the_palette():
    from unrolled.palette import LIGHT

    assert set(COLOUR_MACROS.values()) <= set(LIGHT)


def test_lines_are_aligned_at_the_ampersand():
    aligned = to_mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", display=True)
    assert aligned.count("<mtr>") == 2
    assert to_mathml(r"a &= b \\ c &= d", display=True) == aligned
    assert "(1)" not in text_of(to_mathml(r"\begin{align} a &= b \\ c &= d \end{align}", display=True))


@pytest.mark.parametrize(("latex", "why"), [
    (r"\foo{x}", r"Unknown command"), (r"\frac{1}{", "end of input"), (r"\begin{foo} x \end{foo}", "Unknown environment"),
])
def test_a_formula_that_cannot_be_read_says_which_and_why(latex, why):
    with pytest.raises(ValueError, match=re.escape(why)) as raised:
        to_mathml(latex)
    assert repr(latex) in str(raised.value)


def page_with(project, text):
    project.extensions += ["sitekit.mathml"]
    project.options["html_math_renderer"] = "mathml"
    project.write(index=text)
    return project.build()


def test_a_page_holds_inline_and_block_formulas(project):
    assert page_with(project, "# T\n\nInline $f_t$.\n\n$$ c_t = f_t $$\n") == ""
    html = project.html("index")
    assert html.count("<math") == 2 and html.count('display="block"') == 1
    assert "$" not in html and "mathjax.js" not in html and "tex-mml" not in html


def test_a_labelled_equation_has_its_number_and_is_cited(project):
    text = "# T\n\n$$ a = b $$ (first)\n\n$$\nc = d\n$$ (second)\n\nSee {eq}`second`.\n"
    assert page_with(project, text) == ""
    html = project.html("index")
    assert re.findall(r'class="eqno">\((\d)\)', html) == ["1", "2"]
    assert re.search(r'href="#equation-second"[^>]*>.*?\(?2\)?', html)


def test_a_formula_that_cannot_be_read_is_a_warning_with_page_and_line(project):
    warnings = page_with(project, "# T\n\nGood $x$.\n\n$$ \\foo{x} $$\n")
    assert re.search(r"index\.md:5: WARNING: cannot read the formula .*Unknown command", warnings)
