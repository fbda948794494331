# make demo   set up, run the main experiment, print its table and where the report is
# make test   set up, run the default test suite
# make lint   formatting, lint, types, direction of imports
# make slow   tests that take minutes; CI runs them after the two above
# make nightly   long tests that repeat at full length or size what a shorter one shows (the reason stands beside each mark).
#                CI leaves them out; run them every night, before a release, and after a change to what they are about
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint slow nightly

demo: $(VENV)/.installed
	$(BIN)/summ-collapse demo

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist worksteal

slow: $(VENV)/.installed
	$(BIN)/python -m pytest -m 'slow and not nightly'

nightly: $(VENV)/.installed
	$(BIN)/python -m pytest -m nightly

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
