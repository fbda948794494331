# make demo   set up, run the main experiment, print its table and where the report is
# make test   set up, run the default test suite
# make lint   formatting, lint, types, direction of imports
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint slow

demo: $(VENV)/.installed
	$(BIN)/summ-collapse demo

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist worksteal

slow: $(VENV)/.installed
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# One installation for everything, with the versions that the tests passed with.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@
