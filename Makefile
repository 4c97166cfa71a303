# Everything a newcomer needs: make demo, make test. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CPP := build/cpp/release
NODE_TOOLS := node_modules/.package-lock.json

.PHONY: help install cpp demo test lint javascript types docs browser unit faults lowest wheel sanitize tidy audit clean

help:
	@echo "make install   .venv with the package and its tools"
	@echo "make cpp       $(CPP)/app/swsss-run, the native program; installs what it needs on Debian and Ubuntu"
	@echo "make demo      the whole job on a generated data set, about 5 minutes on 2 cores"
	@echo "make test      everything CI runs: ruff, import-linter, mypy, ESLint, tsc, the native program and its tests, pytest"
	@echo "make docs      build/docs/html, the documentation site"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "swsss needs Python 3.11 or newer; set one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing; on Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: install
	$(BIN)/swsss-data demo demo/data
	$(BIN)/swsss-train all --data demo/data --strong strong --recipe demo --out runs/demo
	$(BIN)/swsss-export runs/demo --out runs/demo/model.onnx
	$(BIN)/swsss-label demo/data/images --labels demo/data/tags.csv --model runs/demo/model.onnx --out demo/labels

cpp: install
	cpp/scripts/install-packages
	cpp/scripts/gather-onnxruntime build/onnxruntime $(BIN)/python
	cmake -S cpp --preset release
	cmake --build $(CPP)

test: lint types docs cpp browser unit

lint: install javascript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

# The page of the server and that of the reports: linter and types. Nothing is built; the tools are pinned by package-lock.json.
# The script in the reports' page is checked as a file that has its lines at the same numbers.
javascript: $(NODE_TOOLS)
	mkdir -p build/javascript
	sed -e '/^<script>/,/^<\/script>/!s/.*//' -e '/^<\/*script>$$/s/.*//' swsss/report/page.html > build/javascript/report.js
	node_modules/.bin/eslint eslint.config.js serve/server/page build/javascript/report.js
	node_modules/.bin/tsc --project tsconfig.json
	node_modules/.bin/tsc --project tsconfig.report.json

$(NODE_TOOLS): package.json package-lock.json
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null && npm --version >/dev/null || \
		{ echo "make lint needs Node.js 20.19 or newer with npm, for the JavaScript of the pages; see https://nodejs.org"; exit 1; }
	npm ci --no-audit --no-fund
	@touch $@

types: install
	$(BIN)/mypy

# The source folder is the repository: a link in a page works here as it does there.
docs: install
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --conf-dir docs --doctree-dir build/docs/trees . build/docs/html
	@echo "The documentation is build/docs/html/docs/index.html"

browser:
	tests/install-chromium

# Without `make cpp` before it, the tests of the native program are skipped.
unit: install
	[ ! -d $(CPP) ] || ctest --test-dir $(CPP) --output-on-failure
	$(BIN)/pytest --numprocesses auto --dist loadfile

# Not in CI, for it takes long: 100 kills of a server at work, 1000 hostile requests, images and archives.
faults: install
	$(BIN)/pytest tests/faults --full-faults --capture no

# The lowest versions that pyproject.toml claims, in an environment of their own, and tests of every part that uses one.
LOWEST := $(VENV)-lowest
lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
		--editable '.[serve,train,voc]' 'pytest>=8.3' 'pycocotools>=2.0.10'
	$(LOWEST)/bin/python -m pytest $(LOWEST_TESTS:%=tests/test_%)
LOWEST_TESTS := extras.py config.py tags.py encoders.py export_int8.py engine_onnx.py convert.py label.py serve_label.py \
	cli.py::test_train__no_steps_and_no_val

# What is published, with what a user gets today: the newest versions, and no more than the base needs.
WHEEL := $(VENV)-wheel
wheel: install
	rm -rf dist $(WHEEL)
	$(BIN)/python -m build --outdir dist
	$(PYTHON) -m venv $(WHEEL)
	$(WHEEL)/bin/python -m pip install --quiet dist/swsss-*.whl
	SWSSS_WHEEL=$(abspath $(WHEEL)) $(BIN)/pytest tests/test_wheel.py

# Not in CI, for it asks the network: known vulnerabilities of what is installed.
audit: install
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet pip-audit
	$(VENV)-audit/bin/pip-audit --path $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# Not in CI, for they take long: the native tests under sanitizers, and its linter.
sanitize: cpp
	cd cpp && cmake --preset asan && cmake --build --preset asan && ctest --preset asan
	cd cpp && cmake --preset tsan && cmake --build --preset tsan && ctest --preset tsan

tidy: cpp
	cpp/scripts/tidy $(CPP)

clean:
	rm -rf $(VENV) $(VENV)-audit $(LOWEST) $(WHEEL) build demo dist node_modules runs
