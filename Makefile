# html · test · live · bench · clean: each sets up what it needs, once.

VENV   := .venv
PYTHON := $(VENV)/bin/python
STAMP  := $(VENV)/ready

.PHONY: html test live bench clean
.DELETE_ON_ERROR:

html: $(STAMP)  ## build the site
	$(PYTHON) -m sitekit html

test: $(STAMP)  ## every test: the package, the pages, the site in a browser
	$(PYTHON) -m pytest $(ARGS)

live: $(STAMP)  ## serve the site, rebuild on save, reload the browser
	$(PYTHON) -m sitekit live

bench: $(STAMP)  ## the time of unroll and of the build
	$(PYTHON) -m benchmarks --build $(ARGS)

clean:  ## remove what was built; the environment stays
	rm -rf _build

$(STAMP): requirements.txt pyproject.toml
	@sh .ci/setup "$(VENV)"
	@touch $@
