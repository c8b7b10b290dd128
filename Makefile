# `make demo` and `make test` are the two commands; each sets itself up in .venv from requirements.lock.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SETUP := .venv/.installed

.PHONY: demo test lint bench chaos weights clean

demo: $(SETUP)
	$(BIN)/troupe build workflows/demo.toml --out corpus

test: $(SETUP) lint
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(SETUP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(SETUP)
	$(BIN)/python -m tests.benchmarks

# Builds killed, starved, damaged and broken at random, a quarter of an hour: nothing may be lost, no byte wrong.
chaos: $(SETUP)
	$(BIN)/python -m tests.chaos

# The bundled weights and limits, made anew by the commands that made them (about an hour of one core).
weights: $(SETUP)
	$(BIN)/python -m trainer.recognizer
	$(BIN)/python -m trainer.speaker
	$(BIN)/python -m trainer.codec
	$(BIN)/python -m trainer.calibrate

$(SETUP): pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[dev]'
	$(BIN)/python -m stages.backends.librosa_cache
	touch $@

clean:
	rm -rf .venv corpus corpus.work .pytest_cache .mypy_cache .ruff_cache *.egg-info
