# Everything sets itself up in .venv; every target is safe to repeat. The extra golden (onnxruntime,
# ai-edge-litert: what results are compared with) comes along where it can be had; tests skip without it.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: help demo test bench lint clean

help:
	@echo "make demo   set up, simulate ResNet-50 on npu/edge_npu, write reports/demo"
	@echo "make test   set up, check style and types, run the tests"
	@echo "make bench  set up, measure speed (beside the PyPI packages scalesim, onnxruntime and brian2 where they install)"
	@echo "make lint   set up, ruff and mypy"

# Most modules of most packages are never imported: those that are, are compiled when they are.
$(STAMP): pyproject.toml
	@echo "== setting up $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "chipsim needs Python 3.11 or later; found $$($(PYTHON) --version); set PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev,golden]' || \
	  { echo "== onnxruntime or ai-edge-litert cannot be had here: tests against them will be skipped"; \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]'; }
	@touch $(STAMP)

demo: $(STAMP)
	@echo "== ResNet-50 (the graph that the onnx package carries) on npu/edge_npu"
	@$(BIN)/chipsim run npu/edge_npu light_resnet50 --set workload.precision=int8 --out reports/demo
	@echo "== open reports/demo/report.html"

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/mypy

FIRST := tests/property tests/reference tests/conformance
EARLY := tests/test_floors.py tests/unit/base tests/unit/workload

# Kernels are compiled once, those of chips, which take longest, beside the style checks and the tests that do
# without them. Then two halves side by side; the log of the first is shown when both are done. Each has one
# processor: threads of numpy's would wait for each other.
test: export OPENBLAS_NUM_THREADS := 1
test: $(STAMP)
	@$(BIN)/python benchmarks/compile.py --here timing memories & one=$$!; \
	  $(BIN)/python benchmarks/compile.py --here values spikes & other=$$!; \
	  $(BIN)/ruff check . && $(BIN)/mypy && wait $$other && $(BIN)/python -m pytest $(EARLY); early=$$?; \
	  wait $$one && exit $$early
	@echo "== tests, in two processes"
	@$(BIN)/python -m pytest $(FIRST) -o cache_dir=.pytest_cache/first > $(VENV)/first.log 2>&1 & first=$$!; \
	  $(BIN)/python -m pytest tests $(foreach each,$(FIRST) $(EARLY),--ignore=$(each)); second=$$?; \
	  wait $$first; first=$$?; cat $(VENV)/first.log; exit $$((first | second))

bench: $(STAMP)
	@$(BIN)/python benchmarks/compile.py
	@$(BIN)/python benchmarks/speed.py
	@$(BIN)/python benchmarks/memory.py
	@$(BIN)/python benchmarks/numerics.py
	@$(BIN)/python benchmarks/pim.py
	@$(BIN)/python benchmarks/spiking.py
	@$(BIN)/python benchmarks/sweep.py
	@$(BIN)/python benchmarks/spiking_chip.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
