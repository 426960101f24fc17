# What one does with Countersign, from a fresh checkout: needs Python 3.11 or later, and make. `make` lists it all.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
RUN := $(CURDIR)/$(VENV)/bin
WORKERS ?= 4
ARGS ?=
SOAK := new_tenant_survival bridge_machine seats_survival seats_races bridge_survival survival instant_signature void_not_taken
ON_POSTGRES := stack postgres warm_worker warm_worker_lost_queue
export COUNTERSIGN_WORKER_TYPE ?= warm

.DEFAULT_GOAL := help
.PHONY: help run demo stop check setup deploy server worker execute receiver test quick soak bench speed scale hosts lint format lock system-packages clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

run: $(READY) ## the whole thing on this machine: Prefect with its UI, worker, receiver, sandbox with its console
	@$(RUN)/python -m deployments run

demo: $(READY) ## a new subscription, a new tenant, five bridges, more seats: played by themselves and checked
	@$(RUN)/python -m deployments.demo

stop: $(READY) ## end what `make run` started in another window
	@$(RUN)/python -m deployments stop

check: $(READY) ## say for each block whether its credentials work
	@$(RUN)/python -m deployments check

setup: $(READY) ## on the server of PREFECT_API_URL: blocks (from COUNTERSIGN_… variables), work pool, deployments
	@PATH="$(RUN):$$PATH" $(RUN)/python -m deployments.setup

deploy: $(READY) ## deploy every flow again, on the server of PREFECT_API_URL
	@PATH="$(RUN):$$PATH" $(RUN)/python -m deployments.setup --deploy

server: $(READY) ## a Prefect server that is to stay, on PostgreSQL (README, Going live; ARGS="--host … --port …")
	@$(RUN)/python -m deployments.prefect_server $(ARGS)

worker: $(READY) ## a worker for the server of PREFECT_API_URL, running the flows of this checkout
	@PATH="$(RUN):$$PATH" COUNTERSIGN_HOME="$(CURDIR)" PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30 \
	    PREFECT_WORKER_QUERY_SECONDS=1 exec $(RUN)/prefect worker start --pool countersign --type $(COUNTERSIGN_WORKER_TYPE)

execute: $(READY) ## run by hand, here, a run that no worker takes (ARGS="its id")
	@PATH="$(RUN):$$PATH" COUNTERSIGN_HOME="$(CURDIR)" PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30 \
	    $(RUN)/prefect flow-run execute $(ARGS)

receiver: $(READY) ## the webhook receiver for the server of PREFECT_API_URL (ARGS="--host … --port …")
	@$(RUN)/python -m deployments.receiver $(ARGS)

test: lint system-packages ## linters, types, and every test but the long ones (ARGS="tests/rules -k calendar")
	$(RUN)/python -m pytest -m "not soak" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

quick: lint ## rules, vendors, sandbox: the tests without PostgreSQL or a browser, so without the procedures
	$(RUN)/python -m pytest -m "not soak and not browser" --ignore tests/e2e --ignore tests/procedures \
	    $(ON_POSTGRES:%=--ignore tests/deployments/test_%.py) \
	    -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

soak: $(READY) system-packages ## the long forms: every call killed, 1,000 instant signatures, thousands of examples and steps; about an hour
	COUNTERSIGN_SOAK=1 $(RUN)/python -m pytest --timeout 7200 -n $(WORKERS) --dist load --maxschedchunk 1 \
	    $(SOAK:%=tests/procedures/test_%.py) tests/rules $(ARGS)
	$(if $(ARGS),,$(RUN)/python -m pytest -m soak --timeout 7200 -n $(WORKERS) --dist loadfile tests \
	    $(SOAK:%=--ignore tests/procedures/test_%.py))

bench: ## how fast, and with how many: all that the README says of it, measured anew; half an hour
	@$(MAKE) speed ARGS=
	@$(MAKE) scale ARGS=

speed: $(READY) system-packages ## by worker type and against DBOS and Temporal, into README's table and picture; 15 minutes
	@$(RUN)/python -m deployments.bench $(ARGS)

scale: $(READY) system-packages ## 10,000 that wait, 100 at once beside them, 200 deadlines in one minute; 20 minutes
	@$(RUN)/python -m deployments.scale $(ARGS)

hosts: $(READY) system-packages ## workers on two hosts, one of which is cut off, then killed, amid 50 procedures; needs root
	@$(RUN)/python -m deployments.hosts $(ARGS)

lint: $(READY) ## ruff, its formatter, mypy, and the direction of imports
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

format: $(READY) ## let ruff lay out the code
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

lock: ## work out requirements.lock anew from pyproject.toml, and the measurement's own (ARGS=--upgrade takes the newest of everything)
	@.ci/lock $(PYTHON) $(ARGS)

system-packages: ## the Debian packages that tests need: PostgreSQL, Chromium and its driver
	@.ci/system-packages

clean: ## forget the local stack's state and logs, and what the tools cached
	@test ! -x $(RUN)/python || $(RUN)/python -m deployments stop
	rm -rf .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): requirements.lock pyproject.toml .ci/venv
	@.ci/venv $(PYTHON) $(VENV)
	@touch $@
