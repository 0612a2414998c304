# Each target is a line or two; what takes more stands in packaging/. CI calls these targets and no other.
PYTHON ?= python3
BIN := .venv/bin
T ?= 60
# Real disks beside the checkout, where there are any; the tests that read them are skipped elsewhere.
STRONGROOM_TEST_DATA ?= $(abspath $(wildcard ../shared/data))
export PYTHON DISK STRONGROOM_TEST_DATA

.DEFAULT_GOAL := help
.PHONY: help setup dev demo test check static perf fuzz soak docs locks

help: ## print this list
	@sed -nE 's/^([a-z]+):.*## (.*)/\1	\2/p' Makefile

setup: ## make .venv with the program in it (PYTHON=python3, at least 3.11)
	@packaging/setup

dev:
	@packaging/setup --dev

demo: setup ## inspect a real disk, or yours: DISK=path
	@disk=$$(packaging/demo-disk) && $(BIN)/strongroom demo "$$disk"

test: dev ## install what the tests need, then check and test everything
	@packaging/apt-install --tests
	@$(MAKE) --no-print-directory static
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -n 2
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage json --quiet -o .cache/coverage.json
	@$(BIN)/python packaging/coverage_gate.py .cache/coverage.json

check: static ## lint, types, layers, generated pages, house rules
	@$(BIN)/pytest -q tests/test_repo.py

static: dev
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports
	@packaging/generate --check

perf: dev ## speed and memory beside named baselines, as a table and JSON
	@packaging/setup --perf
	@$(BIN)/python -m tests.perf.run

fuzz: dev ## fuzz every reader for T=60 seconds each
	@$(BIN)/python -m tests.fuzz.run --seconds $(T)

soak: dev ## the long loops: properties in depth, fuzzing for ten minutes each
	@HYPOTHESIS_PROFILE=deep $(BIN)/pytest -n 2 --timeout=1800
	@$(BIN)/python -m tests.fuzz.run --seconds 600

docs: dev ## write the generated pages anew
	@packaging/generate

locks: dev
	@packaging/lock
