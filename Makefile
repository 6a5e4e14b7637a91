# Every target sets itself up: a fresh machine needs Python 3.11, git and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
ARGS   ?=

export PIP_DISABLE_PIP_VERSION_CHECK = 1

# What builds the image; `podman` and `buildah` take the same words.
DOCKER ?= docker

.PHONY: setup demo test peers lint types bench chaos fuzz load lock schema image clean

setup: $(READY)

# --no-build-isolation: the builder comes from the lock file, like all the rest.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(READY)

# `make demo ARGS=--once` ends when the story is over.
demo: $(READY)
	@$(BIN)/lockstep demo $(ARGS)

test: lint types
	$(BIN)/pytest --numprocesses=auto $(ARGS)

# python-gitlab's own functional tests against the sandbox; fetches its sdist.
peers: $(READY)
	LOCKSTEP_PEERS=1 $(BIN)/pytest -q tests/sandbox/test_python_gitlab.py

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(READY)
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m bench $(ARGS)

# Everything killed at every step, a forge that fails at every call; LOCKSTEP_SEED chooses pairs.
chaos: $(READY)
	$(BIN)/python -m tests.chaos $(ARGS)

# Each parser that reads what strangers write, for a minute; ARGS="--seconds 600" for longer.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz $(ARGS)

# Five minutes of webhooks, then five more with a worker killed every 20 s.
load: $(READY)
	$(BIN)/python -m tests.load $(ARGS)

schema: $(READY)
	$(BIN)/python -m config.json_schema > config/lockstep.schema.json
	$(BIN)/python -m config.json_schema lockstep-policy > config/lockstep-policy.schema.json

# No index addresses in the lock file: it must install from whatever registry a machine has.
lock: $(READY)
	$(BIN)/pip-compile --quiet --extra=dev --generate-hashes --allow-unsafe --strip-extras \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
	  --output-file=requirements.lock pyproject.toml

# ARGS="--build-arg BASE=…" for another base than python:3.12-slim.
image:
	$(DOCKER) build --build-arg BUILD_ID=$$(git describe --tags --always --dirty=+changed) \
	  --tag lockstep:$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) $(ARGS) .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
