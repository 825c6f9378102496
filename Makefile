# The commands that people type are the commands that CI runs.
#
#   make demo     a mission that survives the kill of its hive, on a small repository
#   make demo-github  from an issue to a merged pull request, on a test GitHub, whatever goes wrong
#   make test     all tests, long ones shortened      (HIVE_TEST_FULL=1 make test: at full size)
#   make check    lint, types, import rules, proto, lock, compose file
#   make bench    what this machine reaches
#   make mutants  take each protection out and see exactly its test fail
#   make test-agents  real coding agents from npm, whole tasks against a scripted model
#   make github-published  what GitHub publishes, cut anew for the test GitHub
#   make keda-definitions  KEDA's own, against which the files for it are held
#
# Each sets up `.venv` first, from nothing but Python 3.11 or later with pip.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Set on some machines: then each process of a test compiles all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

# Named by its real path: a shim on PATH may stand for another interpreter in another folder.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.9

VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
MEMBERS := contracts shared services/orchestrator services/gateway services/runner \
	services/github services/health client
PACKAGES := hive-contracts hive-shared hive-orchestrator hive-gateway hive-runner \
	hive-github hive-health agent-hive
READY := $(VENV)/.ready

# More than there are cores: many tests wait for processes of theirs. A file stays together.
WORKERS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) * 5 / 2 )))
PYTEST_ARGS ?= -n $(WORKERS) --dist loadfile --no-loadscope-reorder
BENCH_ARGS ?=

.PHONY: help
help:
	@sed -n 's/^#   //p' Makefile

.PHONY: setup
setup: $(READY)

$(READY): requirements.lock pyproject.toml $(MEMBERS:%=%/pyproject.toml) Makefile
	@test -n "$(PYTHON)" || { echo "no python3 on PATH: install Python 3.11 or later" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@"$(PYTHON)" -m pip --version >/dev/null || \
		{ echo "$(PYTHON) has no pip: install it (Debian: python3-pip)" >&2; exit 1; }
	test -x $(PY) || "$$("$(PYTHON)" -c 'import sys; print(sys.executable)')" -m venv --without-pip $(VENV)
	"$(PYTHON)" -m pip --python $(PY) install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	$(UV) pip install --quiet --python $(PY) --compile-bytecode --require-hashes \
		-r requirements.lock
	$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation $(MEMBERS:%=-e ./%)
	@touch $@

.PHONY: demo
demo: $(READY)
	$(VENV)/bin/hive demo

.PHONY: demo-github
demo-github: $(READY)
	$(PY) -m tests.system.from_issue

.PHONY: test
test: $(READY)
	$(PY) -m pytest $(PYTEST_ARGS)

# Real coding agents, in the versions whose output the profiles were written for.
AGENTS := .agents
AGENTS_ARGS ?= -q
CODEX := @openai/codex@0.171.0
OPENCODE := opencode-ai@1.18.33
MORE_AGENTS := @anthropic-ai/claude-code@2.1.197 @google/gemini-cli@0.61.0 \
	@agentclientprotocol/claude-agent-acp@0.101.0
NPM_INSTALL := npm install --prefix $(AGENTS) --no-package-lock --no-audit --no-fund --loglevel error

# Codex keeps no files in memory (/dev/shm), where other tests have theirs.
.PHONY: test-agents
test-agents: $(READY) $(AGENTS)/.ready
	TMPDIR="$${TMPDIR:-/tmp}" HIVE_TEST_AGENTS="$(abspath $(AGENTS))" $(PY) -m pytest tests/system/agents $(AGENTS_ARGS)

$(AGENTS)/.ready: Makefile
	@command -v npm >/dev/null || { echo "no npm on PATH: install Node.js 20 or later" >&2; exit 1; }
	@mkdir -p $(AGENTS)
	$(NPM_INSTALL) $(CODEX) $(OPENCODE)
	$(NPM_INSTALL) $(MORE_AGENTS) || echo "claude and gemini are not installed: their tests are skipped"
	@touch $@

.PHONY: bench
bench: $(READY)
	$(VENV)/bin/hive bench $(BENCH_ARGS)

.PHONY: mutants
mutants: $(READY)
	$(PY) -m tests.mutants

# ---- checks ---------------------------------------------------------------------------------

.PHONY: check
check: check-lint check-types check-imports check-proto check-reference check-lock check-compose

.PHONY: check-lint
check-lint: $(READY)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

.PHONY: check-types
check-types: $(READY)
	$(VENV)/bin/mypy $(MEMBERS:%=%/src) tests

.PHONY: check-imports
check-imports: $(READY)
	$(VENV)/bin/lint-imports

.PHONY: check-proto
check-proto: $(READY)
	$(VENV)/bin/buf lint contracts/proto
	$(VENV)/bin/buf breaking contracts/proto --against contracts/proto/published.binpb
	$(PY) contracts/generate.py --check

.PHONY: check-reference
check-reference: $(READY)
	$(PY) -m hive_contracts.files --check

.PHONY: check-lock
check-lock: $(READY)
	@fresh=$$(mktemp); trap 'rm -f $$fresh' EXIT; cp requirements.lock $$fresh; \
	$(MAKE) --no-print-directory compile-lock LOCK=$$fresh; \
	diff -u requirements.lock $$fresh || { echo "requirements.lock is out of sync: make lock" >&2; exit 1; }

.PHONY: check-compose
check-compose: $(READY)
	@folder=$$(mktemp -d); trap 'rm -rf $$folder' EXIT; \
	$(PY) -m hive_stack.compose "$$folder" >/dev/null; \
	HIVE_SECRETS="$$folder" $(VENV)/bin/docker-compose -f docker-compose.yml config --quiet

# ---- what is generated ----------------------------------------------------------------------

.PHONY: lock
lock: $(READY)
	$(MAKE) --no-print-directory compile-lock LOCK=requirements.lock

# What is pinned already stays, unless a member asks for something else.
.PHONY: compile-lock
compile-lock:
	$(UV) pip compile --quiet --python $(PY) --universal --generate-hashes --no-header --all-extras \
		--group pyproject.toml:dev $(MEMBERS:%=%/pyproject.toml) \
		$(PACKAGES:%=--no-emit-package %) --output-file $(LOCK)

.PHONY: proto
proto: $(READY)
	$(PY) contracts/generate.py

# The JSON Schemas of the mission and the repository file, and the page that lists their keys.
.PHONY: reference
reference: $(READY)
	$(PY) -m hive_contracts.files

# Only on a release: from then on, buf refuses what breaks who uses it.
.PHONY: publish-proto
publish-proto: $(READY)
	$(VENV)/bin/buf build contracts/proto --as-file-descriptor-set --output contracts/proto/published.binpb

# What hive_github.testing holds GitHub's answers, requests and webhooks against.
PUBLISHED := .github-published
PUBLISHED_PACKAGES := @octokit/openapi@23.0.2 @octokit/webhooks-schemas@7.6.1 \
	@octokit/webhooks-examples@7.6.1 @octokit/graphql-schema@15.26.1

.PHONY: github-published
github-published: $(READY) $(PUBLISHED)/.ready
	$(PY) services/github/published.py $(PUBLISHED)

$(PUBLISHED)/.ready: Makefile
	@command -v npm >/dev/null || { echo "no npm on PATH: install Node.js 20 or later" >&2; exit 1; }
	@mkdir -p $(PUBLISHED)
	npm install --prefix $(PUBLISHED) --ignore-scripts --no-package-lock --no-audit --no-fund \
		--loglevel error $(PUBLISHED_PACKAGES)
	@touch $@

# Against which infra/autoscaling/keda_scaled_object.yaml is held: KEDA's definitions as models. Beside
# the environment, since one of them is a plugin that pytest would load in every run.
KEDA := .keda-definitions
KEDA_PACKAGES := cloudcoil==0.6.0 cloudcoil-models-keda==2.16.1.0

.PHONY: keda-definitions
keda-definitions: $(KEDA)/.ready

$(KEDA)/.ready: $(READY) Makefile
	$(UV) pip install --quiet --python $(PY) --no-deps --target $(KEDA) $(KEDA_PACKAGES)
	@touch $@

.PHONY: nats-conf
nats-conf: $(READY)
	$(PY) -c 'from hive_stack import nats; print(nats.with_variables(), end="")' > infra/nats/nats.conf

.PHONY: compose-secrets
compose-secrets: $(READY)
	$(PY) -m hive_stack.compose .hive-data/compose

.PHONY: format
format: $(READY)
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format
