.DEFAULT_GOAL := help
# The first interpreter that is really there and is 3.11 or 3.12.
FIND_PYTHON = for p in python3.12 python3.11 python3 python; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && { echo $$p; break; }; done
PYTHON ?= $(shell $(FIND_PYTHON))
BIN := .venv/bin

# Keras and NumPy as in the locks, so that a model file is written and read by the same versions.
BACKENDS := torch==2.13.0 jax==0.10.2 keras==3.15.1 numpy==2.1.3 h5py matplotlib pydantic pyarrow pyyaml

# What the runner's own tests need beside the newest KFP, which cannot be installed next to TensorFlow 2.19.
NEWEST_KFP := kfp gcsfs hypothesis ipykernel markdown-it-py nbclient pandas psutil pyarrow pytest pytest-timeout rich scikit-learn

PIPELINE ?= forecasting
# Empty: the default experiment of the pipeline.
CONFIG ?=
PROFILE ?= cpu
RUN ?= latest
ARGS ?=

.PHONY: help setup setup-dev run test test-slow backends newest-kfp lint compile-pipeline submit schedule upload-model lock bench images push test-images sbom clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: ## Create .venv and install the platform's lock (Metal on Apple silicon)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed and none was found; install one, or: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) requirements/install.py runtime

setup-dev:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed and none was found; install one, or: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) requirements/install.py dev

run: setup ## Set up, then run a pipeline here (PIPELINE=forecasting CONFIG=gru_3m ARGS='--set train.epochs=3')
	@echo "Running pipeline $(PIPELINE) with $(if $(CONFIG),config $(CONFIG),its default config) in one process on this machine"
	@$(BIN)/python -m local_runner run $(PIPELINE) $(if $(CONFIG),--config $(CONFIG)) $(ARGS)

test: setup-dev ## Set up, then run the tests, without the slow ones
	@echo "Running the tests (the slow ones are in: make test-slow)"
	@$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: setup-dev ## Set up, then run the slow tests only
	@$(BIN)/python -m pytest -m slow $(ARGS)

backends: setup-dev ## Install the torch and JAX backends into .venv-backends, and run the tests they take part in
	@test -x .venv-backends/bin/python || $(PYTHON) -m venv .venv-backends
	@.venv-backends/bin/python -m pip install --quiet --disable-pip-version-check $(BACKENDS)
	@.venv-backends/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@$(BIN)/python -m pytest tests/backends $(ARGS)

newest-kfp: setup-dev ## Install the newest KFP, without TensorFlow, into .venv-newest-kfp, and run the runner's features under it
	@test -x .venv-newest-kfp/bin/python || $(PYTHON) -m venv .venv-newest-kfp
	@.venv-newest-kfp/bin/python -m pip install --quiet --disable-pip-version-check --upgrade $(NEWEST_KFP)
	@.venv-newest-kfp/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@.venv-newest-kfp/bin/python -m pytest tests/local_runner/features $(ARGS)
	@$(BIN)/python -m pytest tests/local_runner/test_newest_kfp.py $(ARGS)

lint: setup-dev ## Format check, lint, types, import rules, freshness of compiled pipelines
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pipelines compile --check

compile-pipeline: setup ## Write pipelines/compiled/*.yaml
	@$(BIN)/python -m pipelines compile

submit: setup ## Check, price and start a pipeline on Vertex AI (PIPELINE= CONFIG= PROFILE=l4 ARGS=--wait)
	@$(BIN)/python -m pipelines submit $(PIPELINE) $(if $(CONFIG),--config $(CONFIG)) --profile $(PROFILE) $(ARGS)

schedule: setup ## Keep schedules (ARGS='list', ARGS='create daily forecasting --cron "0 6 * * 1-5"', …)
	@$(BIN)/python -m pipelines schedule $(ARGS)

upload-model: setup ## Put a local run's model into Vertex AI's registry (RUN=latest)
	@$(BIN)/python -m pipelines upload-model $(RUN) $(ARGS)

lock: setup-dev ## Resolve every lock in requirements/ (ARGS=--upgrade for the newest versions, --check to verify)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python requirements/lock.py $(ARGS)

bench: setup-dev ## Run every benchmark (ARGS=--json for one line a figure)
	@for b in $$(cd benchmarks && ls [a-z]*.py */__main__.py | sed 's|/__main__.py||; s|\.py||'); do echo "== benchmarks.$$b"; $(BIN)/python -m benchmarks.$$b $(ARGS) || exit 1; done

images: ## Build the images with docker, podman or buildah (ARGS='cpu serving' for some)
	@$(PYTHON) containers/build.py images $(ARGS)

push: ## Push the images and write their digests to containers/images.lock.json (REGISTRY=HOST/PROJECT/REPOSITORY)
	@$(PYTHON) containers/build.py push --registry "$(REGISTRY)" $(ARGS)

test-images: setup-dev ## Build the images here on a stand-in base and run a pipeline in one (root, buildah, debootstrap)
	@$(BIN)/python tests/containers/build_images.py $(ARGS)

sbom: ## Write a CycloneDX bill of materials of every lock to dist/sbom/
	@$(PYTHON) containers/sbom.py $(ARGS)

clean: ## Remove caches and build output (never .venv, never runs/)
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -path './.venv*' -prune -o -name __pycache__ -type d -exec rm -rf {} +
