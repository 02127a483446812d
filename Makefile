# make run    sets everything up and does the main job (VIDEO=path for your own file)
# make test   sets everything up and runs the tests
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VIDEO ?=
OUTPUT ?=
KEEP ?=
# Where it is set, each of the programs that tests start compiles the sources anew.
unexport PYTHONDONTWRITEBYTECODE
# Tests wait for servers a quarter of their time: three share two cores.
PYTEST_ARGS ?= -n 3 --dist loadfile

.PHONY: help run test check scan format up down clean

help: ## List the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(BIN)/.base: pyproject.toml constraints.txt deploy/setup.sh
	@deploy/setup.sh base $(PYTHON) $(VENV)

$(BIN)/.test: pyproject.toml constraints.txt deploy/setup.sh
	@deploy/setup.sh test $(PYTHON) $(VENV)

run: $(BIN)/.base ## Analyse VIDEO=path (or a rendered sample game) from Uploads/ to Results/.
	@$(BIN)/jarvis run $(if $(OUTPUT),--output "$$OUTPUT") $(if $(KEEP),--keep) $(if $(VIDEO),-- "$$VIDEO",--sample)

test: $(BIN)/.test ## Run every test (PYTEST_ARGS=... to choose).
	@deploy/servers.sh
	@$(BIN)/pytest $(PYTEST_ARGS)

check: $(BIN)/.test ## Lint, types, dependency rules, definitions.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/dg check defs
	@$(BIN)/dagster definitions validate -w workspace.yaml

scan: ## Known faults in what is installed, secrets in what is committed.
	@deploy/scan.sh

format: $(BIN)/.test ## Format the code.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

up: $(BIN)/.base ## Start the whole stack on this machine.
	@$(BIN)/jarvis up

down: $(BIN)/.base ## Stop it.
	@$(BIN)/jarvis down

clean: ## Remove the virtual environment and caches (never the data).
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
