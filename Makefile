# `make` alone lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/ready
BY_FILE := --dist loadfile --no-loadscope-reorder  # a file's tests share what its fixtures make
unexport PYTHONDONTWRITEBYTECODE  # hundreds of processes import the same modules, and need not compile them anew

.PHONY: help course test quick gate lab classroom notebooks slides site tour clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "make %-10s %s\n", $$1, $$2}'

course: $(READY) ## set up, build the notebooks and the slides, train LeNet-5, grade a sample class, say what to open
	@$(BIN)/tema9 course

test: $(READY) ## run the tests, on two cores; a third process computes while others wait
	@$(BIN)/python -m pytest -n 3 $(BY_FILE) --durations=15 -m '$(or $(ONLY),not gate)'

quick: $(READY) ## look at the form, the types and what the quick tests say, in a minute
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/python -m mypy
	@$(BIN)/python -m pytest -n 2 $(BY_FILE) --quiet -m 'not slow and not sandbox and not browser and not postgres'

gate: $(READY) ## try what takes longest: all small changes to the solutions, whole experiments, more made-up input
	@$(BIN)/tema9 mistakes --mutants
	@$(BIN)/python -m pytest -n 2 $(BY_FILE) --quiet -m gate

lab: $(READY) ## open JupyterLab on the start page, as a student
	@$(BIN)/tema9 lab

classroom: $(READY) ## open JupyterLab with Formgrader on a sample class, as a teacher
	@$(BIN)/tema9 classroom --sample

notebooks: $(READY) ## check the sources and build the notebooks from them
	@$(BIN)/tema9 notebooks

slides: $(READY) ## build the lecture's slides, one page of HTML
	@$(BIN)/tema9 slides

site: $(READY) ## build the course as a site, which is read without Jupyter
	@$(BIN)/tema9 site

tour: $(READY) ## take the pictures of the README (needs Chromium)
	@$(BIN)/tema9 tour

clean: ## remove what was made: .venv, course/ (with any submissions in it, after asking) and caches
	@if [ -d course/submitted ]; then printf 'course/submitted holds submissions. Delete them too? [y/N] '; \
	  read answer; [ "$$answer" = y ] || { echo 'nothing was removed'; exit 1; }; fi
	@rm -rf $(VENV) course build slides/node_modules *.egg-info .pytest_cache .ruff_cache .mypy_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 15) else f"Python {v[0]}.{v[1]} is not 3.11 to 3.14; say which to use: make PYTHON=python3.12 course")'
	@echo "setting up $(VENV) (once; torch is large, allow a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@
