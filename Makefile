# Every target makes .venv by itself, from the lock files, with plain `python3 -m venv` and pip.

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Compiling every module anew in every process takes longer than most tests.
export PYTHONDONTWRITEBYTECODE :=
COVERED := src/bms/core/*,src/bms/control/*,src/bms/serving/*,src/bms/protocols/*
FLOOR := 90
# The tests that say what of these is covered; to follow every line of the others, too, would double what they cost.
COVERING := $(addprefix tests/,unit/core unit/control unit/serving unit/protocols \
	contract/engines contract/sql/test_reactions.py integration/api integration/training)
# Those that run beside all others: half of what there is to compute, and all that share a platform.
BESIDE := $(addprefix tests/,e2e frameworks security)
# Prints what processor time a command used, with all that it started.
CLOCK := $(PYTHON) tests/cpu_clock.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-both test-clients clients-table test-frameworks test-all check fmt docs bench bench-releases fuzz lock clean

help:
	@echo "make demo    watch data become a served, metered model (about three minutes on a cold machine)"
	@echo "make test    all tests; 'make test ARGS=tests/unit' some of them, without the coverage floor"
	@echo "make test-clients  clients as people have them, each in an environment of its own, against one platform"
	@echo "make clients-table  the table of clients in docs/protocols.md, made of what they do now"
	@echo "make test-frameworks  every framework, the large ones too: its models made, pushed, served and compared"
	@echo "make test-all  every test in its longest form, and a page of what each group cost (an hour or more)"
	@echo "make check   lint, format, types, import contracts, documentation, layout of the source"
	@echo "make fmt     format and mend what can be mended"
	@echo "make docs    write docs/cli.md, docs/openapi.json and the table of events, and check links"
	@echo "make bench   measure; needs a quiet machine; PEERS=fastapi,triton CASES=row-json: parts of the comparison"
	@echo "make bench-releases BASE=REVISION  the hot path beside that of another revision, in pairs"
	@echo "make fuzz    throw broken bytes at every decoder and at a gateway for FUZZ_SECONDS (default 120: millions)"
	@echo "make lock    resolve the lock files again"

demo: .venv/base.stamp
	$(BIN)/bms demo $(ARGS)

ifdef ARGS
test: .venv/dev.stamp
	$(BIN)/pytest $(ARGS)
else
test: .venv/dev.stamp
	rm -f .coverage .coverage.*
	$(BIN)/python -m tests.framework_env
	$(CLOCK) --budget 500 $(MAKE) --no-print-directory test-both
	$(BIN)/coverage report --include='$(COVERED)' --fail-under=$(FLOOR) --skip-covered --show-missing --sort=cover
endif

# Two at once, each by itself: workers of one run would each find all tests first, which takes longer than most of them.
test-both:
	@here=$$(mktemp); \
	$(BIN)/pytest $(BESIDE) >$$here 2>&1 & beside=$$!; \
	trap "kill $$beside 2>/dev/null" INT TERM; \
	status=0; set -x; \
	$(BIN)/pytest $(COVERING) --cov --cov-report= || status=1; \
	$(BIN)/pytest tests $(addprefix --ignore=,$(COVERING) $(BESIDE) tests/clients) || status=1; \
	wait $$beside || status=1; \
	cat $$here; rm $$here; exit $$status

# Clients of other servers, unmodified; `make test` leaves them to this.
test-clients: .venv/dev.stamp
	$(BIN)/python -m tests.clients.environments
	$(CLOCK) --budget 120 $(BIN)/pytest $(or $(ARGS),tests/clients)

# What the clients did is kept, and the documents' table of it made anew; without it, a change of either fails.
clients-table: .venv/dev.stamp
	$(BIN)/python -m tests.clients.environments
	BMS_WRITE_CLIENTS=1 $(BIN)/pytest -m 'not long' tests/clients
	$(BIN)/python -m tests.clients.table

# Of these, `make test` runs what is not marked heavy; MARKS='heavy and not long' runs the others alone.
test-frameworks: .venv/dev.stamp
	$(CLOCK) $(BIN)/pytest -n 2 --dist loadfile -m '$(or $(MARKS),not long)' $(or $(ARGS),tests/frameworks tests/clients/tfserving tests/sweep/families tests/contract/runtimes/test_runtime_environments.py)

# Everything, in its longest form; the table of what it cost is committed once per issue.
test-all: .venv/dev.stamp
	$(BIN)/python -m tests.framework_env
	BMS_TEST_ALL=1 $(CLOCK) --table bench/results/tests.md $(BIN)/pytest -n 2 --dist loadfile -m ''

check: .venv/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python docs/check.py
	$(BIN)/python checks/source_layout.py

fmt: .venv/dev.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: .venv/dev.stamp
	$(BIN)/python docs/check.py --write

ifneq ($(PEERS)$(CASES),)
bench: .venv/dev.stamp
	PEERS="$(PEERS)" CASES="$(CASES)" $(BIN)/python bench/bench_peers.py
else
bench: .venv/dev.stamp
	@for file in bench/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done
endif

bench-releases: .venv/dev.stamp
	BASE="$(BASE)" CONNECTIONS="$(or $(CONNECTIONS),16)" $(BIN)/python bench/releases.py

fuzz: .venv/dev.stamp
	$(BIN)/python bench/fuzz.py $(or $(FUZZ_SECONDS),120)

COMPILE = UV_FIND_LINKS="$$PIP_FIND_LINKS" $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet

# Everything in one set of versions: what users get is what the tests ran with, and installing one lock over another
# changes nothing.
lock: .venv/base.stamp
	$(COMPILE) pyproject.toml --extra postgres --group dev -o requirements-dev.lock
	$(COMPILE) pyproject.toml --constraint requirements-dev.lock -o requirements.lock
	$(COMPILE) requirements-build.in --constraint requirements-dev.lock -o requirements-build.lock

clean:
	rm -rf .venv build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache

# --- the environment ---

# A lock names every package, so nothing is resolved: pip 23.2, asked for `coverage[toml]` by a locked package, would take
# a newer release than the lock's and then refuse it for want of a hash. `pip check` says whether the lock was whole.
INSTALL = $(BIN)/pip install -qq --require-hashes --no-deps

.venv/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || \
		{ echo "$(PYTHON) is no Python 3.11 to 3.14: name one, like make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/base.stamp: .venv/made.stamp requirements.lock requirements-build.lock pyproject.toml
	$(INSTALL) -r requirements.lock -r requirements-build.lock
	$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	@touch $@

.venv/dev.stamp: .venv/base.stamp requirements-dev.lock
	$(INSTALL) -r requirements-dev.lock
	$(BIN)/pip check
	@touch $@
