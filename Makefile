# Everything a newcomer needs: make demo, make test. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
FILES := $(sort $(shell find swsss export serve -type f -not -name '*.pyc'))

.PHONY: help install demo test lint types unit clean FORCE

help:
	@echo "make install   .venv with the package and its tools"
	@echo "make demo      the whole job on a generated data set, about 5 minutes on 2 cores"
	@echo "make test      everything CI runs: ruff, mypy --strict, pytest"

install: $(INSTALLED)

# Strict editable installs link single files, so a new one needs a new install.
$(VENV)/.files: FORCE
	@mkdir -p $(VENV)
	@echo '$(FILES)' | cmp -s - $@ || echo '$(FILES)' > $@

$(INSTALLED): pyproject.toml $(VENV)/.files
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "swsss needs Python 3.11 or newer; set one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing; on Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --config-settings editable_mode=strict --editable '.[dev,voc]'
	@touch $@

demo: install
	$(BIN)/swsss-data demo demo/data
	$(BIN)/swsss-train all --data demo/data --strong strong --recipe demo --out runs/demo
	$(BIN)/swsss-export runs/demo --out runs/demo/model.onnx
	$(BIN)/swsss-label demo/data/images --labels demo/data/tags.csv --model runs/demo/model.onnx --out demo/labels

test: lint types unit

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Not from here: mypy would take the folder swsss/ for the package, and miss swsss.export and swsss.serve.
types: install
	cd $(VENV) && bin/mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache

unit: install
	$(BIN)/pytest

clean:
	rm -rf $(VENV) build demo runs
