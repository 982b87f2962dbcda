# Everything here works on a plain machine with python3 (3.11 or newer, with venv), make and git.
# `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
# Where it is set, every process compiles all of the tests and the operator anew: seconds each.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
BASE ?= python:3.11-slim-bookworm
BUILDER ?= docker
IMAGE ?= tidegate:dev

# The stamp carries the folder's own path: a copied .venv points at the place it came from.
STAMP := .venv/.ready-$(firstword $(shell pwd | cksum))
# Trees that hold Python now; one that is still empty is left out.
TREES := $(foreach tree,operator sandbox demo bench build tests,$(if $(shell find $(tree) -name '*.py' -print -quit 2>/dev/null),$(tree)))
# mypy takes everything but the test functions: helpers of the tests are held to strict types.
TYPED = $(shell find $(TREES) -name '*.py' -not -name 'test_*.py')

# Markers of the tests that start servers.
SERVERS := api or prometheus or traffic or faults

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r name text; do printf '  %-16s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: $(STAMP) ## Make .venv from the locked dependencies (again only when they change)
	@:

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Tidegate needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments: its venv module is missing."; \
	  echo "On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "==> .venv"
	@if [ ! -x $(BIN)/python ] || ! ls $(STAMP) >/dev/null 2>&1; then $(PYTHON) -m venv --clear .venv; fi
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: check
check: generated-check ## Everything that needs no server; a minute at most
	@$(MAKE) --no-print-directory -j2 -O lint types contracts unit

.PHONY: static
static: lint types contracts generated-check

.PHONY: lint
lint: setup
	@echo "==> format"
	@$(BIN)/ruff format --check --output-format concise $(TREES)
	@echo "==> lint"
	@$(BIN)/ruff check --output-format concise $(TREES)

.PHONY: types
types: setup
	@echo "==> types"
	@$(BIN)/mypy $(TYPED)

.PHONY: contracts
contracts: setup
	@echo "==> layers"
	@$(BIN)/lint-imports --no-logo

.PHONY: unit
unit: setup ## Fast tests only: no server, no network
	@echo "==> tests without servers"
	@TIDEGATE_QUICK=2 $(BIN)/pytest -q -n auto --dist worksteal -m 'not ($(SERVERS))'

.PHONY: format
format: setup ## Let the formatter and the safe fixes do their work
	@$(BIN)/ruff check --fix-only --quiet $(TREES)
	@$(BIN)/ruff format $(TREES)

.PHONY: generate
generate: setup ## Write every derived file: crds/, the chart's copies and its table of values
	@$(BIN)/python -m tidegate.api.generate
	@mkdir -p charts/tidegate/crd-files
	@rm -f charts/tidegate/crd-files/*.yaml
	@cp crds/*.yaml charts/tidegate/crd-files/
	@$(BIN)/python build/chart_readme.py

.PHONY: generated-check
generated-check: setup
	@echo "==> generated files"
	@before=$$(mktemp -d); trap 'rm -rf "$$before"' EXIT; \
	mkdir -p crds charts/tidegate/crd-files; \
	cp -r crds charts "$$before"; \
	$(MAKE) --no-print-directory generate; \
	diff -r "$$before/crds" crds && diff -r "$$before/charts" charts || { \
	  echo "Generated files were out of date; they have just been written anew: commit them too."; exit 1; }

.PHONY: sandbox
sandbox: setup ## Install what the sandbox cluster runs on (built once, then cached)
	@echo "==> sandbox"
	@$(BIN)/python -m sandbox install

.PHONY: sandbox-build
sandbox-build: setup ## Build the sandbox's binaries only (about a quarter of an hour, once)
	@$(BIN)/python -m sandbox build --level traffic

.PHONY: test
test: static sandbox ## All there is: checks, then every test, on real servers
	@echo "==> tests without servers, on all cores"
	@$(BIN)/pytest -q -n auto --dist worksteal --ignore=tests/mutants -m 'not ($(SERVERS))'
	@echo "==> seeded bugs"
	@$(BIN)/pytest -q tests/mutants
	@echo "==> tests on a real API server, two at a time: most of each is waiting"
	@$(BIN)/pytest -q -n 2 --dist worksteal --durations=10 -m '($(SERVERS)) and not traffic'
	@echo "==> tests under real traffic, one at a time: they measure"
	@$(BIN)/pytest --durations=10 -m traffic

.PHONY: faults
faults: setup sandbox ## Every crash point, fault and state (`make test` runs a slice); SCOPE=nightly for every pair, too
	@echo "==> the states of the model, and beside them crash points and faults"
	@TIDEGATE_FAULTS=$(or $(SCOPE),all) $(BIN)/pytest -q tests/model & model=$$!; \
	TIDEGATE_FAULTS=$(or $(SCOPE),all) $(BIN)/pytest -n 2 --dist load --maxschedchunk 1 --durations=10 tests/faults && wait $$model

.PHONY: soak
soak: setup sandbox ## Random scenarios under random faults: MINUTES=n SEED=s
	@$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

.PHONY: mutants
mutants: setup ## Seed every bug of tests/mutants, and measure the mutation score of core (nightly)
	@echo "==> seeded bugs"
	@TIDEGATE_FAULTS=all $(BIN)/pytest -q tests/mutants
	@echo "==> mutation score of core"
	@$(BIN)/python build/mutation_score.py $(MUTANTS)

.PHONY: demo
demo: setup sandbox ## Watch a good release go through and a bad one come back
	@$(BIN)/python -m demo

.PHONY: lock
lock: setup ## Renew requirements/*.txt from pyproject.toml (UPGRADE=--upgrade for the newest)
	@lock() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --custom-compile-command 'make lock' $(UPGRADE) "$${@:2}" -o requirements/$$1.txt; }; \
	lock image pyproject.toml; \
	lock dev pyproject.toml --group dev; \
	lock build --group build

.PHONY: wheels
wheels: setup ## Fill build/wheels, so that the image can be built without a network
	@for lock in build image; do $(BIN)/pip download --quiet --disable-pip-version-check \
	  --only-binary :all: --require-hashes -d build/wheels -r requirements/$$lock.txt; done

.PHONY: image
image: ## Build the operator's image (BUILDER=docker|buildah|podman, BASE=…, IMAGE=…)
	@$(BUILDER) build --build-arg BASE=$(BASE) -t $(IMAGE) .

.PHONY: changelog
changelog: setup ## Show what changes.d/ would add to CHANGELOG.md
	@$(BIN)/towncrier build --draft

.PHONY: clean
clean: ## Remove what the targets above made, but no cluster and no cache outside this folder
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov dist
	@find build/wheels -name '*.whl' -delete
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
