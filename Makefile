# The commands of the project. `make` alone lists them. They need Python 3.11 or newer, Go and make; those of the
# cluster need root as well.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
UV_VERSION := 0.13.9
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/company-directory
UV := $(CACHE)/uv-$(UV_VERSION)/bin/uv
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.requirements.sha256
LOCAL := $(BIN)/directory-local
SOURCES := contract operator api local tests bench

# The machine's own Python, not one from the network.
export UV_PYTHON_DOWNLOADS := never

##@ Start here

.PHONY: help
help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Make the virtual environment from the hash-pinned lock

##@ The platform on this machine

.PHONY: up
up: $(READY) ## Start everything: Kubernetes, backends, operator, API, nginx, two sample tenants
	@$(LOCAL) up

.PHONY: status
status: $(READY) ## Show what runs, and the tenants
	@$(LOCAL) status

.PHONY: down
down: $(READY) ## Stop everything; the data stays
	@$(LOCAL) down

.PHONY: reset
reset: $(READY) ## Stop everything and remove the data
	@$(LOCAL) reset

##@ A real Kubernetes on this machine (as root)

.PHONY: cluster-up
cluster-up: $(READY) ## Start a node with pods and install everything; with KUBECONFIG set, into that cluster
	@$(LOCAL) cluster up

.PHONY: cluster-status
cluster-status: $(READY) ## Show what runs in the cluster, and what is not ready
	@$(LOCAL) cluster status

.PHONY: cluster-down
cluster-down: $(READY) ## End the cluster and remove its data; nothing of it stays
	@$(LOCAL) cluster down

.PHONY: e2e
e2e: cluster-up ## See the product work on the cluster (TESTS=e2e/test_serving.py for some, PYTEST_ARGS for more)
	@$(BIN)/python -m e2e.prepare
	@$(LOCAL) cluster enter $(abspath $(BIN))/pytest $(or $(TESTS),e2e) $(PYTEST_ARGS)

.PHONY: images
images: $(READY) ## Build the operator's and the API's images as OCI archives (IMAGES_ARGS for more)
	@$(BIN)/python -m directory_local.images product $(IMAGES_ARGS)

##@ Working on it

.PHONY: check
check: $(READY) ## Formatting, lint, types, import rules and house rules; under a minute
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@if [[ -d tests/house ]]; then $(BIN)/pytest -q tests/house; fi

.PHONY: format
format: $(READY) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: packaging
packaging: $(READY) ## Write what is made from chart and CRDs: schema, README, kustomize manifests, OLM bundle
	@$(BIN)/python -m scripts.packaging

.PHONY: binaries
binaries: $(READY) ## Build Kubernetes and MinIO from their Go modules, once (about ten minutes)
	@$(LOCAL) build
	@$(BIN)/python -m scripts.packaging.tools

.PHONY: test
test: binaries ## Run all tests, on real parts on free ports (TESTS=tests/api for some, PYTEST_ARGS for more)
	@$(BIN)/pytest $(or $(TESTS),tests) $(PYTEST_ARGS)

.PHONY: bench
bench: binaries ## Measure: 1,000 tenants beside the floor of the same calls
	@$(BIN)/python -m bench $(BENCH_ARGS)

.PHONY: lock
lock: $(UV) ## Recompile requirements/*.txt, newest versions, with hashes
	@mkdir -p requirements
	@$(call compile,operator,--extra operator)
	@$(call compile,api,--extra api)
	@$(call compile,dev,--extra operator --extra api --extra local --extra dev)

.PHONY: clean
clean: ## Remove the virtual environment and the tools' caches; the platform's state stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# No address of an index goes into a lock: where packages come from is the machine's own setting.
define compile
echo "requirements/$(1).txt" && $(UV) pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
  $(2) --output-file requirements/$(1).txt pyproject.toml
endef

# uv of one version, in a folder of its own, shared by all checkouts of the user.
$(UV):
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed (PYTHON=<path> names another)." >&2; exit 1; }
	@echo "Installing uv $(UV_VERSION)"
	@$(PYTHON) -m venv $(CACHE)/uv-$(UV_VERSION) \
	  || { echo "Python's venv module is missing: install it (Debian and Ubuntu: python3-venv)." >&2; exit 1; }
	@$(CACHE)/uv-$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# The environment is made again whenever a lock or pyproject.toml says something else, and left alone otherwise.
$(READY): requirements/dev.txt pyproject.toml | $(UV)
	@echo "Setting up $(VENV)"
	@[[ -x $(BIN)/python ]] || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@sha256sum requirements/dev.txt pyproject.toml > $(READY)
