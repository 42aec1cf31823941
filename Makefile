# Everything a person or a machine does with this repository; `make help` lists it.
# The virtual environment .venv is made from requirements/dev.lock, and anew when the lock changes.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN  := $(VENV)/bin
# The oldest Python that is supported; PYTHON=… chooses the one that .venv is made with.
OLDEST := 3.11
export PYTHON

PYTEST := $(BIN)/python -m pytest
WORLD  := $(BIN)/python -m tests.world
# Handed to every pytest, e.g. make fast PYTEST_ARGS='-x -k weight'
PYTEST_ARGS ?=
# BENCH_ARGS='scale --n 200 --out FOLDER' measures one thing, as bench/README.md says.
BENCH_ARGS ?=
# DEMO_ARGS=--stay leaves the demo's world running afterwards.
DEMO_ARGS ?=
FAST  := tests --ignore tests/world --ignore tests/cluster $(PYTEST_ARGS)
REAL  := tests/world tests/cluster $(PYTEST_ARGS)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- the virtual environment ---

$(VENV)/.ready: requirements/dev.lock
	@.ci/venv $(VENV) $(OLDEST)

$(VENV)/.installed: $(VENV)/.ready pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
		--no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: venv
venv: $(VENV)/.installed ## Make or refresh .venv

# --- looking ---

.PHONY: check
check: venv ## Lint, format, types, layers, spelling and deployed files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/hadolint Dockerfile
	@echo "deploy/ builds"
	@$(BIN)/kubectl kustomize deploy/base >/dev/null
	@$(BIN)/kubectl kustomize deploy/overlays/pvc >/dev/null

.PHONY: format
format: venv ## Let ruff put imports and layout right
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# --- trying ---

.PHONY: fast
fast: venv ## The tests that need nothing but Python
	$(PYTEST) $(FAST)

.PHONY: test
test: venv ## All of it: check, fast tests, then the tests on real parts, in two worlds
	@$(WORLD) build & building=$$!; \
	$(MAKE) check fast || { kill $$building; wait $$building; exit 1; }; \
	wait $$building
	$(WORLD) shards 2 $(REAL)

.PHONY: long
long: venv ## The fast tests with 60 times the generated histories
	HYPOTHESIS_PROFILE=long $(PYTEST) $(FAST) --timeout 1800

.PHONY: demo
demo: venv ## A good release and a bad one, live, on the test world
	@$(BIN)/python -m tests.demo $(DEMO_ARGS)

.PHONY: world
world: venv ## Start the test world for a person; says how to use it
	$(WORLD) up

.PHONY: bench
bench: venv ## Measure all of bench/ (hours); BENCH_ARGS chooses, e.g. BENCH_ARGS='scale --n 200'
	$(BIN)/python -m bench $(BENCH_ARGS)

# --- making ---

.PHONY: crds
crds: venv ## Write crds/ from the wire models
	$(BIN)/canaryd crds --dir crds

.PHONY: docs
docs: venv ## Write the generated parts of docs/
	$(BIN)/python -m tests.docs.generate

.PHONY: lock
lock: venv ## Resolve the dependencies anew, e.g. make lock LOCK_ARGS=--upgrade
	.ci/lock $(LOCK_ARGS)

.PHONY: clean
clean: ## Remove .venv, caches and build results
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
