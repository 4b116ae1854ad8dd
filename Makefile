# Set-up and the commands of the project. `make` alone lists them.

# The first Python that is new enough; choose another with `make PYTHON=python3.12 …`.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && exit; done; echo python3)

RUN = .venv/bin/python -m
LESSON = notebooks/00_start_here.ipynb
LAB_FLAGS =
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)
TEST_FLAGS = -n 2 --dist loadfile
SEEDS = 10000
UPDATES = 1000
SECRETS = 500
# Which lessons `make browser` opens: all, or as in `make browser LESSONS="lesson00 or lesson05"`.
LESSONS ?=
TRACK = taster

.DEFAULT_GOAL := help
.PHONY: help lab test check notebooks track sheet preflight html golden bench campaign updates secrets requests mutants browser pyodide dask clean setup

help:
	@echo "make lab        open the first lesson in JupyterLab"
	@echo "make test       all tests: engine, import rules, README, lessons"
	@echo "make check      format and lint of code and notebooks, types"
	@echo "make notebooks  execute all lessons in place"
	@echo "make track      cuts the notebooks of a track (taster; or TRACK=half-day, day, two-days) into build/tracks"
	@echo "make sheet      the sheet that a room writes on, from the notebooks"
	@echo "make preflight  is this machine ready for a room? works without a network"
	@echo "make html       the lessons as web pages that need nothing else, in build/html"
	@echo "make golden     write down anew what happens in the stories of tests/golden; read the diff"
	@echo "make bench      speed, as ratios against a peer in the same run"
	@echo "make campaign   10,000 runs of raft under faults, on all cores; fewer with SEEDS=300"
	@echo "make updates    1,000 runs of rolling updates under faults; fewer with UPDATES=100"
	@echo "make secrets    500 runs with secrets and locks under faults; fewer with SECRETS=100"
	@echo "make requests   2,000 worlds that hear any requests over the wire, a quarter of an hour"
	@echo "make mutants    plants every bug there is, and says what caught it"
	@echo "make browser    every lesson in a real browser, six minutes (needs Chromium)"
	@echo "make pyodide    the fingerprint of a long run in Python for the browser (needs Node.js)"
	@echo "make dask       a campaign on a real Dask cluster of two processes"
	@echo "make clean      remove .venv and everything else that was made"

lab: setup
	$(RUN) jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/$(LESSON) $(AS_ROOT) $(LAB_FLAGS)

# A learner's own IPython start-up files must not change what the lessons print.
test notebooks browser: export IPYTHONDIR = $(CURDIR)/.venv/ipython

test: export HYPOTHESIS_PROFILE = ci
test: setup
	$(RUN) pytest $(TEST_FLAGS) --ignore=tests/browser tests notebooks

check: setup
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy

notebooks: setup
	$(RUN) tools.run_notebooks notebooks

track: setup
	$(RUN) tools.cut_track $(TRACK)

sheet: setup
	$(RUN) tools.sheet

html: setup
	$(RUN) tools.html

preflight: setup
	$(RUN) tools.preflight

golden: setup
	.venv/bin/python tests/golden/stories.py

bench: setup
	$(RUN) benchmarks

campaign: setup
	$(RUN) tools.campaign $(SEEDS)

updates: setup
	$(RUN) tools.updates $(UPDATES)

secrets: setup
	$(RUN) tools.secrets $(SECRETS)

requests: export HYPOTHESIS_PROFILE = long
requests: setup
	$(RUN) pytest -p no:cacheprovider tests/server/test_any_request.py

mutants: setup
	$(RUN) tools.mutants

browser: setup
	@sh tools/chromium.sh
	$(RUN) pytest -v tests/browser $(if $(LESSONS),-k "$(LESSONS)")

pyodide: setup
	@sh tools/pyodide.sh

dask: setup
	@sh tools/dask.sh

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Makes .venv from requirements.txt; does nothing while the pins are unchanged.
setup:
	@command -v $(firstword $(PYTHON)) >/dev/null 2>&1 || { \
		echo "swarmlab needs Python 3.11 or newer, and found no $(PYTHON): install it and run make again." >&2; exit 1; }
	@$(PYTHON) tools/bootstrap.py
