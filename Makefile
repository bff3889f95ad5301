# equigen. `make demo` draws new digits, upright ones and, from a model that keeps quarter turns, turned ones;
# `make test` runs every test; `make check` runs linters, types and docs.
#
# Bring your own build of torch with PIP_FLAGS, for example
#     make demo PIP_FLAGS="--index-url URL-OF-YOUR-TORCH-BUILD --extra-index-url URL-OF-YOUR-PACKAGE-INDEX"
# and another interpreter (3.11 or newer) with PYTHON=python3.12.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP_FLAGS ?= -c constraints-cpu.txt
VENV ?= .venv
RUN ?= runs/demo
TURNED ?= $(RUN)-turned

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar off
BASE := $(VENV)/.installed
DEV := $(VENV)/.installed-dev

.PHONY: demo test check docs format clean

demo: $(BASE)
	$(call train,$(RUN),--steps 1000)
	$(BIN)/equigen sample $(RUN)
	$(BIN)/equigen evaluate $(RUN)
	$(BIN)/equigen report $(RUN)
	$(call train,$(TURNED),--pose quarter-turns --symmetry C4)
	$(BIN)/equigen sample $(TURNED)
	$(BIN)/equigen report $(TURNED)
	@echo "Open $(RUN)/report.html and $(TURNED)/report.html in a browser."

# A run in the folder goes on where it was; a finished one is left as it is.
define train
@if [ -e $(1)/config.yaml ]; then $(BIN)/equigen train --resume $(1); \
else $(BIN)/equigen train digits $(2) --out $(1); fi
endef

test: $(DEV)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -rs

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(MAKE) docs

docs: $(DEV)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --fresh-env --quiet docs docs/_build/html

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A stamp is touched only after its install succeeded, so an interrupted install is done again and a finished one is not.
$(VENV)/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'equigen needs Python 3.11 or newer; pass one with PYTHON=...')"
	$(PYTHON) -m venv $(VENV)

$(BASE): pyproject.toml constraints-cpu.txt | $(VENV)/bin/python
	@echo "Installing into $(VENV): about a minute, most of it torch."
	$(INSTALL) $(PIP_FLAGS) -e .
	@touch $@

$(DEV): $(BASE)
	@echo "Installing what tests and checks need into $(VENV)."
	$(INSTALL) $(PIP_FLAGS) -e ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) docs/_build .pytest_cache .ruff_cache .hypothesis
