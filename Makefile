# make demo   the example cluster, rehearsed on this machine
# make test   everything that proves that it works; of what takes long, what has its turn (SLOW=all: all of it)
# make check  the fast part of it: no Docker needed
# make drill  a cluster of its own is broken, and `up` brings it back: all drills, as a table
# make bench  speed and memory, as a table
# make lock   choose dependencies anew
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
DEV := .venv/dev-$(shell sha256sum requirements/dev.txt | cut -c1-12)

DEMO := examples/timeoff/beeyard.yml
# On the processors that there are; tests/conftest.py says what stays together.
PYTEST := $(BIN)/pytest --numprocesses=logical --maxprocesses=4 --dist=loadgroup --no-loadscope-reorder

SLOW ?= turn
# Where it is set, as in many containers, every start of our own programs and of the tests compiles all
# of their modules anew: a quarter of the time that `beeyard` takes to start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo demo-down test test-example images check lint drill bench lock clean venv venv-dev prerequisites-%

help:
	@sed -n 's/^# make/make/p' Makefile

demo: prerequisites-demo venv
	$(BIN)/beeyard --sandbox -f $(DEMO) up --yes

demo-down:
	$(BIN)/beeyard --sandbox -f $(DEMO) down --yes

# What needs one processor each is done side by side: the environments, the sandbox's images, the tests
# of the example.
test: prerequisites-test
	$(MAKE) --no-print-directory --jobs=2 images lint test-example
	$(PYTEST) --durations=15 --slow=$(SLOW)

check: prerequisites-check venv-dev lint
	$(PYTEST) --slow=none -m "not real and not cluster"

images: prerequisites-demo $(DEV)
	$(BIN)/python tests/build_images.py

test-example: prerequisites-python
	scripts/test-example

lint: venv-dev
	scripts/lint

# One of them, or some: make drill DRILL=killed. Dealt out to these clusters, as each is done with one.
drill: export BEEYARD_TESTS_CLUSTERS ?= e2e,10.91.0.0/16 e2e-2,10.95.0.0/16
drill: prerequisites-test venv-dev
	$(BIN)/pytest --numprocesses=$(words $(BEEYARD_TESTS_CLUSTERS)) --dist=load --maxschedchunk=1 -m drill $(if $(DRILL),-k '$(DRILL)')

bench: prerequisites-test venv-dev
	$(BIN)/python bench/run.py

# The environments: made again whenever their lock has changed.
venv: .venv/beeyard-$(shell sha256sum requirements/beeyard.txt | cut -c1-12)
venv-dev: $(DEV) .venv/checkov-$(shell sha256sum requirements/checkov.txt | cut -c1-12)

.venv/beeyard-%: | prerequisites-python
	scripts/environment requirements/beeyard.txt $@

.venv/dev-%: | prerequisites-python
	scripts/environment requirements/dev.txt $@

# checkov pins what we use in other versions.
.venv/checkov-%: | $(DEV)
	scripts/environment requirements/checkov.txt $@ .venv/checkov

prerequisites-%:
	@scripts/prerequisites $*

lock: venv-dev
	scripts/lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist
