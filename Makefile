# html · test · test-parity · records · matrix · seeds · live · screenshots · lighthouse · bench · clean: each sets up what it needs, once.

VENV   := .venv
PYTHON := $(VENV)/bin/python
STAMP  := $(VENV)/ready

# A second environment on top of the first, with PyTorch and JAX, for what is held against them
PARITY_VENV   := .venv-parity
PARITY_PYTHON := $(PARITY_VENV)/bin/python
PARITY_STAMP  := $(PARITY_VENV)/ready

.PHONY: html test test-parity records matrix seeds live screenshots lighthouse bench clean
.DELETE_ON_ERROR:

html: $(STAMP)  ## build the site
	$(PYTHON) -m sitekit html

test: $(STAMP)  ## every test: the package, the pages, the site in a browser
	$(PYTHON) -m pytest -n logical --maxprocesses 4 $(ARGS)

test-parity: $(PARITY_STAMP)  ## the tests against PyTorch and JAX; the pages that use them, held against what is recorded
	@$(PARITY_PYTHON) -m sitekit rerun parity & pages=$$!; \
	$(PARITY_PYTHON) -m pytest tests_parity -n logical --maxprocesses 4 --dist=loadfile $(ARGS); tests=$$?; \
	wait $$pages && exit $$tests

records: $(PARITY_STAMP)  ## run the pages that use PyTorch and JAX, and record what they give
	$(PARITY_PYTHON) -m sitekit rerun parity --record

matrix: $(PARITY_STAMP)  ## run the pages' claims on every backend and version of Keras, and record what differs
	$(PARITY_PYTHON) -m sitekit matrix $(ARGS)

seeds: $(STAMP)  ## train the task pages' models from ten other seeds each, and record how they do
	$(PYTHON) tests/seeds.py $(ARGS)

live: $(STAMP)  ## serve the site, rebuild on save, reload the browser
	$(PYTHON) -m sitekit live

screenshots: html  ## photograph every page, wide and on a phone, light and dark
	$(PYTHON) -m sitekit screenshots $(ARGS)

lighthouse: html  ## judge a few pages with Lighthouse (needs Node.js)
	$(PYTHON) -m sitekit lighthouse $(ARGS)

bench: $(STAMP)  ## the time of unroll and of the build
	$(PYTHON) -m benchmarks --build $(ARGS)

clean:  ## remove what was built; the environment stays
	rm -rf _build

$(STAMP): requirements.txt pyproject.toml
	@sh .ci/setup "$(VENV)" requirements.txt
	@touch $@

$(PARITY_STAMP): requirements-parity.txt $(STAMP)
	@sh .ci/setup "$(PARITY_VENV)" requirements-parity.txt "$(VENV)"
	@touch $@
