# Everything runs in the environments that tools/bootstrap.py makes; see README.md.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv/bin
BPY := 4.2 4.5 5.0
export OMP_NUM_THREADS ?= 2

.PHONY: help setup demo test quick lint types setup-demo setup-test test-main test-blender extension bundle bench lock clean

help:
	@echo "make setup      make the environments that the demo and the extension need"
	@echo "make demo       set up, then X-ray a character in a Blender scene; results in demo/"
	@echo "make test       set up, then lint, type check and run every test"
	@echo "make quick      the fast tests (needs one make test before)"
	@echo "make lint       ruff and mypy"
	@echo "make extension  build the Blender extension with Blender's own command (BLENDER=path for another than the one set up)"
	@echo "make bundle     the same with the server's package in the zip, for Install Back End in the preferences"
	@echo "make bench      measure speed and memory; writes docs/measurements/"
	@echo "make lock       pin the newest fitting packages in requirements/"
	@echo "make clean      remove what was built"

setup: setup-demo

setup-demo:
	@$(PYTHON) tools/bootstrap.py demo

setup-test:
	@$(PYTHON) tools/bootstrap.py test

demo: setup-demo
	@$(VENV)/python examples/demo/run.py --out demo

test: setup-test lint test-main

test-main:
	$(VENV)/python -m pytest

# The suites alone; test-main runs them too.
test-blender:
	@set -e; for series in $(BPY); do \
	  echo "Blender $$series"; .venv-bpy-$$series/bin/python -m pytest tests/blender; \
	done

quick:
	$(VENV)/python -m pytest -m "not slow and not blender"

lint: types
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy build/types/maskel_core build/types/maskel_server
	$(VENV)/mypy maskel_blender

# mypy has to see core/ and server/ under the names they are imported by.
types:
	@mkdir -p build/types
	@ln -sfn ../../core build/types/maskel_core
	@ln -sfn ../../server build/types/maskel_server

extension: setup-demo
	@$(VENV)/python tools/extension.py $(if $(BLENDER),--blender $(BLENDER))

bundle: setup-demo
	@rm -f dist/maskel-*.whl
	@$(VENV)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	@$(VENV)/python tools/extension.py --backend dist/maskel-*.whl $(if $(BLENDER),--blender $(BLENDER))

bench:
	$(VENV)/python benchmarks/pipeline.py
	$(VENV)/python benchmarks/server.py

lock:
	$(VENV)/python -m pip install -q uv
	$(VENV)/python tools/lock.py --upgrade

clean:
	rm -rf build dist demo .pytest_cache .mypy_cache .ruff_cache *.egg-info
