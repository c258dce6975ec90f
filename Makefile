# Two commands on a fresh machine: make demo, make test. Each sets up what it needs.
PYTHON ?= python3
BIN := .venv/bin
# Threads of BLAS only get in each other's way here, and would blur the benchmarks.
export OMP_NUM_THREADS ?= 1
# What is imported is compiled once, not all at the installation, and not by every process anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test browser check bench soak evidence docs picture clean

demo: .venv/.ready
	rm -rf demo
	$(BIN)/cuvee demo --out demo

test: .venv/.ready browser
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

# The tests of pages are done in a browser; without one they fail and say so, and the others run.
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
	  || { apt-get update -q && apt-get install -y -q --no-install-recommends chromium chromium-driver; } >/dev/null 2>&1 \
	  || echo "no Chromium here: install chromium and chromium-driver to test the pages, too"

check: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: .venv/.ready
	$(BIN)/python -m benchmarks

soak: .venv/.ready
	$(BIN)/python -m soak
	$(BIN)/python -m soak.fuzz

evidence: .venv/.ready
	$(BIN)/cuvee evidence

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"cuvee needs Python 3.11 or later, $(PYTHON) is {v[0]}.{v[1]}")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --no-compile --disable-pip-version-check $(shell grep '^torch==' constraints.txt)
	$(BIN)/python -m pip install -q --no-compile --disable-pip-version-check -c constraints.txt -e '.[torch,dev,docs]'
	touch $@

# The documentation as a site, in site/. Nothing is fetched: python -m http.server -d site shows it.
docs: .venv/.ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build -q -d site

# The picture of the README, from a run of the demo.
picture: demo
	$(BIN)/python -m docs.site.picture demo/blend.json docs/images/demo.svg

clean:
	rm -rf .venv demo dist build site
