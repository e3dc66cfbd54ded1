# Two commands set up everything they need: `make demo` and `make test`. PIP_ARGS reaches pip (an index, a cache).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test acceptance benchmarks lint docs clean

$(VENV)/base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --editable .
	touch $@

$(VENV)/dev: $(VENV)/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --editable ".[examples,hf,sandbox]" --group dev --group peers
	touch $@

demo: $(VENV)/base
	$(BIN)/adjoint demo

test: $(VENV)/dev
	$(BIN)/python -m pytest

# The full numbers: half an hour on a quiet machine with two cores. All are run, and one that fails fails the target.
acceptance: $(VENV)/dev
	@status=0; for script in tests/acceptance/a[0-9]*.py; do \
	  $(BIN)/python -m tests.acceptance.$$(basename $$script .py) || status=1; \
	done; exit $$status

benchmarks: $(VENV)/base
	$(BIN)/python benchmarks/prompts.py
	$(BIN)/python benchmarks/lm.py

lint: $(VENV)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .adjoint dist build
