# Two commands matter: `make demo` and `make test`. Both need Python 3.11+ and make, and work offline after the first run.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.filled
NAME ?= all
# So many workers take the tests' folders side by side; 0: all in one process.
LANES ?= 2
# The optional accelerator (Rust): built where cargo is found, unless this says off.
ACCELERATOR ?= auto
FAST := .venv/.accelerator
# The console (TypeScript): built where Node can be had, unless this says off.
CONSOLE ?= auto
PAGES := .venv/.console
PAGES_SOURCES := $(shell find console -name node_modules -prune -o -type f -print)
FAST_SOURCES := $(wildcard native/src/*.rs) native/Cargo.toml native/pyproject.toml native/build.py native/crates.lock \
  native/requirements.lock

.PHONY: help setup accelerator console spark demo test check bench soak lock generate clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: $(STAMP)  ## build the environment in .venv, every package pinned by hash
ifneq ($(ACCELERATOR),off)
setup: $(FAST)
endif
ifneq ($(CONSOLE),off)
setup: $(PAGES)
endif

$(STAMP): requirements.lock pyproject.toml verifier/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "graphsvc needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable verifier --editable .
	@touch $@

# Tried once for each state of the sources; what fails is told and needed by nothing.
$(FAST): $(STAMP) $(FAST_SOURCES)
	@$(BIN)/python native/build.py
	@touch $@

accelerator: $(STAMP)  ## build the optional accelerator (needs cargo), and fail if it can't be built
	$(BIN)/python native/build.py --strict
	@touch $(FAST)

# Tried once for each state of the sources, as the accelerator is.
$(PAGES): $(STAMP) $(PAGES_SOURCES)
	@$(BIN)/python console/build.py
	@touch $@

console: $(STAMP)  ## build the console, and fail if it can't be built
	$(BIN)/python console/build.py --strict
	@touch $(PAGES)

spark: $(STAMP)  ## install PySpark, for rings on a cluster (430 MB; to run it needs Java 17)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --require-hashes \
	  --requirement spark.lock

demo: setup  ## start everything on this machine and tell the story
	$(BIN)/graphsvc demo

test: setup  ## all tests, on a real Neo4j; LANES=0 in one process
	$(BIN)/python -m pytest -n $(LANES)

check: setup  ## ruff, mypy strict, layers, generated files and docs up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m graphsvc.model.generate --check
	$(BIN)/python -m graphsvc.cli.generate --check
	$(BIN)/python -m importers.generate --check
	$(BIN)/python -m pytest tests/unit/test_layers.py tests/unit/test_docs.py

bench: setup  ## benchmarks; NAME=ingest runs one, NAME=scale CLAIMS="100000 1000000" by size
	$(BIN)/python -m bench $(NAME) $(CLAIMS)

soak: setup  ## what takes long
	$(BIN)/python -m pytest -m soak --timeout 7200

generate: setup  ## write what is made from schema, interface and importers anew
	$(BIN)/python -m graphsvc.model.generate
	$(BIN)/python -m graphsvc.cli.generate
	$(BIN)/python -m importers.generate

# PySpark, which is large and which few need, has a lock of its own.
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-annotate

lock: setup  ## resolve the dependencies anew into requirements.lock and spark.lock
	$(LOCK) --all-extras --no-emit-package graphsvc-verify --no-emit-package graphsvc-native \
	  --no-emit-package pyspark --no-emit-package py4j pyproject.toml --output-file requirements.lock
	sed -n 's/^spark = .*"\(pyspark[^"]*\)".*/\1/p' pyproject.toml | $(LOCK) - --output-file spark.lock

clean:  ## remove the environment and what was built
	rm -rf .venv dist build native/target native/Cargo.lock .mypy_cache .ruff_cache graphsvc/console/files console/node_modules
