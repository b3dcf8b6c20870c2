"""Sphinx configuration of the site: names extensions and sets their options. What computes is in src/sitekit."""

import os
import sys
from pathlib import Path
from urllib.parse import urlparse

sys.path.insert(0, str(Path(__file__).parent / "src"))  # so that a plain sphinx-build needs no install

project = "Unrolled"
author = "The Unrolled authors"
copyright = "The Unrolled authors, MIT licence"
language = "en"

extensions = [
    "myst_nb",
    "sitekit",
    "sitekit.mathml",
    "sitekit.palette_css",
    "sitekit.stylesheet",
    "sitekit.downloads",
    "sitekit.heads",  # with sphinxext.opengraph
    "sitekit.fields_table",
    "sitekit.explorers",
    "sitekit.recorded",
    "sitekit.verified",
    "sitekit.search",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    "notfound.extension",
    "sitekit.sitemap",  # with sphinx_sitemap
    "sphinx_llms_txt",
    "sphinx_reredirects",
]

# The pages
templates_path = ["docs/_templates"]
exclude_patterns = ["recipes/**.md", "_static/**"]
nitpicky = False
numfig = False
myst_enable_extensions = ["amsmath", "attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # sitekit runs the pages before Sphinx reads them
nb_output_stderr = "severe"
nb_merge_streams = True
bibtex_bibfiles = ["docs/reference/references.bib"]
bibtex_default_style = "plain"

# The API reference
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings name the types, in words
napoleon_google_docstring = False
napoleon_use_ivar = True

# The look
html_theme = "sphinx_book_theme"
html_title = "Unrolled"
html_favicon = "docs/_static/favicon.svg"
html_static_path = ["docs/_static"]
html_css_files = ["explorers/explorers.css", "unrolled.css"]
html_js_files = [("site.js", {"type": "module"})]
html_math_renderer = "mathml"
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "https://unrolled.readthedocs.io/en/latest/")
html_theme_options = {
    "logo": {"image_light": "docs/_static/logo.svg", "image_dark": "docs/_static/logo-dark.svg", "text": "Unrolled", "alt_text": ""},
    "home_page_in_toc": False,
    "navbar_persistent": [],  # the sidebar has the search box
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_fullscreen_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is
copybutton_exclude = ".linenos, .gp, .go"

# Neighbours of the pages
sitemap_url_scheme = "{link}"
sitemap_excludes = ["404.html", "search.html", "genindex.html", "py-modindex.html", "_modules/*"]
ogp_site_url = html_baseurl
ogp_site_name = "Unrolled"
ogp_use_first_image = False
ogp_social_cards = {"image": "_static/card.png", "image_mini": "_static/card-gates.png", "line_color": "#0a74a1", "font": "DejaVu Sans"}  # the font that Matplotlib ships
notfound_urls_prefix = urlparse(html_baseurl).path if "READTHEDOCS" in os.environ else "/"
llms_txt_summary = (
    "Recurrent layers in Keras (SimpleRNN, LSTM, GRU): their equations, what they return, their weights, written out in NumPy. "
    "Each page's code ran while the site was built, and its claims were checked."
)
llms_txt_full_file = False  # megabytes: every file that a page includes, each time
llms_txt_exclude = ["404", "search", "genindex"]
redirects = {  # an address that a page once had, or that a reader shortens -> the page, seen from there
    "sequences/index": "shapes.html",
    "layers/index": "simple-rnn.html",
    "outputs/index": "states.html",
    "tasks/index": "one-to-one.html",
    "explorers/index": "cell.html",
    "weights/index": "atlas.html",
    "training/index": "gradients.html",
    "reference/index": "answers.html",
}
redirect_html_template_file = "_templates/redirect.html"
