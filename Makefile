# make run: set up and open the dashboard.   make test: set up and test.   Both work on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8501
PACKAGES := .venv/.packages
TEST_PACKAGES := .venv/.test-packages

.PHONY: run test quick check clean

run: $(PACKAGES)
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: $(TEST_PACKAGES) chromium check
	$(BIN)/python -m pytest -q $(PYTEST)

quick: $(TEST_PACKAGES)
	$(BIN)/python -m pytest -q -m "not slow and not browser" $(PYTEST)

check: $(TEST_PACKAGES)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(PACKAGES): requirements.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(TEST_PACKAGES): requirements-test.txt requirements.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@ $(PACKAGES)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Espalier needs Python 3.11 or newer; $(PYTHON) is older. Say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  { sudo=$$(test "$$(id -u)" = 0 || echo sudo); $$sudo apt-get update -qq && $$sudo apt-get install -y -qq chromium; }

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
