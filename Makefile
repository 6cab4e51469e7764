# Everything a person does here has a target; each makes its own environments first. Plain `make` lists them.
PYTHON     ?= python3
ARCH       ?= arm64
PYTEST_ARGS ?=
PARALLEL    ?= --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
ARGS       ?=
CALLS      ?= 10000
SEED       ?=
ENGINE     ?=

VENV  := .venv/bin
SETUP  = @$(PYTHON) scripts/setup.py
HOST   = @$(PYTHON) scripts/host.py
SAY    = @echo $@:

unexport PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help demo dev test faults chaos prove proof check check-code check-types check-floors check-template check-shell format host build rie sbom lock prices docs bench clean

help: ## list the targets
	@printf 'Sluice: a streaming AI gateway that is one Python Lambda. Needed: Linux, python3 (3.11 or newer), pip, make.\n\n'
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS="$$(printf '\t')" read -r target text; do \
	  printf '  make %-9s %s\n' "$$target" "$$text"; done

demo: ## stream one call through the whole gateway on this machine, and show its record
	$(SETUP) local
	$(HOST)
	@$(VENV)/sluice demo $(ARGS)

dev: ## run the dev stack until Ctrl-C; options in ARGS="--port 9000"
	$(SETUP) local
	$(HOST)
	@$(VENV)/sluice dev $(ARGS)

test: ## run all tests, on each processor; a choice of them, one by one, in PYTEST_ARGS="tests/unit -k sse"
	$(SETUP) dev engines clients node sbom sam
	$(HOST)
	$(SAY) 'pytest $(or $(PYTEST_ARGS),$(PARALLEL))'
	@$(VENV)/python -m pytest $(or $(PYTEST_ARGS),$(PARALLEL))

prove: ## run Sluice, a plain pipe, LiteLLM and Portkey through the same faults; ARGS="--only pipe --fault f-trunc"
	$(SETUP) dev
	$(HOST)
	-@$(PYTHON) scripts/setup.py prove
	-@$(PYTHON) scripts/setup.py prove-node
	@PYTHONPATH=local:scripts $(VENV)/python -m tests.peers $(ARGS)

proof: ## 1,000 budgeted streams through Sluice and LiteLLM while everything fails, on one screen; ARGS="--seed 7"
	$(SETUP) dev engines
	$(HOST)
	-@$(PYTHON) scripts/setup.py prove
	@PYTHONPATH=functions:local:scripts:. $(VENV)/python -m tests.proof $(ARGS)

faults: ## run the fault catalogue and print it as a table; it also goes to build/faults.md
	$(SETUP) dev engines
	$(HOST)
	$(SAY) 'pytest --faults $(PYTEST_ARGS)'
	@$(VENV)/python -m pytest --faults $(PYTEST_ARGS)

chaos: ## kill environments in the middle of calls while DynamoDB fails, then judge the ledger; CALLS=500 SEED=7 ENGINE=both
	$(SETUP) dev engines
	$(SAY) '$(CALLS) calls on $(or $(ENGINE),one engine)'
	@PYTHONPATH=functions:local:. $(VENV)/python -m tests.chaos --calls $(CALLS) $(if $(SEED),--seed $(SEED)) $(if $(ENGINE),--engine $(ENGINE))

check: check-code check-types check-floors check-shell check-template ## run all checks that are not tests: lint, format, types, floors, template
	$(SAY) 'all is well'

check-code:
	$(SETUP) dev
	$(SAY) 'ruff, lint and format'
	@$(VENV)/ruff check --quiet
	@$(VENV)/ruff format --check --quiet

check-types:
	$(SETUP) dev
	$(SAY) 'mypy --strict'
	@$(VENV)/mypy --no-error-summary

check-floors:
	$(SETUP) dev
	$(SAY) 'import-linter, imports point down the floors'
	@PYTHONPATH=functions $(VENV)/lint-imports --no-logo

check-shell:
	$(SAY) 'sh -n and bash -n, shell scripts parse'
	@sh -n layers/runtime/bootstrap
	@bash -n .ci/run

check-template: export AWS_DEFAULT_REGION ?= us-east-1
check-template: export SAM_CLI_TELEMETRY = 0
check-template:
	$(SETUP) sam
	$(SAY) 'sam validate --lint'
	@.venv-sam/bin/sam validate --lint
	$(SAY) 'template_rules.py, what template.yaml must never say'
	@.venv-sam/bin/python scripts/template_check.py

format: ## rewrite the sources as ruff wants them
	$(SETUP) dev
	@$(VENV)/ruff check --fix --quiet
	@$(VENV)/ruff format

host: ## build layers and functions for this machine into build/host: what the dev stack runs
	$(SETUP) local
	$(HOST)
	$(SAY) 'build/host is what the sources say'

build: check-template ## build what `sam deploy` uploads into .aws-sam/build; ARCH=arm64 or x86_64
	$(SETUP) sam
	@$(PYTHON) scripts/build.py --arch $(ARCH)

rie: ## run what was built under AWS's own emulator, with every file of events/, beside the dev stack
	$(SETUP) dev sam
	$(HOST)
	@PYTHONPATH=scripts $(VENV)/python -m tests.integration.rie $(ARGS)

sbom: ## write the bill of materials of what is deployed to build/sbom.json (CycloneDX)
	$(SETUP) local sbom
	$(HOST)
	@.venv-sbom/bin/python scripts/sbom.py $(ARGS)

lock: ## pin and hash all requirements again; newest versions with ARGS=--upgrade
	@$(PYTHON) scripts/lock.py $(ARGS)

prices: ## renew the price table from its sources
	$(SETUP) dev
	@$(VENV)/python scripts/prices.py $(ARGS)

docs: ## write docs/cli.md from the command line's own help
	$(SETUP) local
	@$(VENV)/python scripts/cli_docs.py

bench: ## measure against the Node pipe on this machine; ARGS=--quota or --memory by memory size, --event-streams for Bedrock
	$(SETUP) dev
	$(HOST)
	@PYTHONPATH=functions $(VENV)/python -m benchmarks $(ARGS)

clean: ## remove all that was made here, the environments too
	@rm -rf build .aws-sam .venv .venv-sam .venv-sbom .venv-engines .venv-clients .venv-prove tests/clients/node/node_modules tests/peers/node/node_modules requirements/engines/node_modules .venv-uv .venv-lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find functions layers local tests scripts benchmarks -name __pycache__ -prune -exec rm -rf {} +
	$(SAY) 'removed build/, .aws-sam/, .venv*, caches'
