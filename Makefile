# make demo    make the environment, apply the first tutorial's recipe, show the result
# make test    every test but the next, with the openssl on the PATH
# make e2e     the tests with real programs: browsers, servers, other languages
# make lint    ruff and mypy
# make matrix  the tests of behaviour with OpenSSL 1.1.1, 3.5, 3.6 and 4.0 (Debian only)
# make bench   the table of speed, measured
# make golden  write the golden cases anew; review the diff

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
MATRIX ?= .cache/openssl

.PHONY: demo test e2e lint matrix bench golden clean

demo: $(READY)
	$(BIN)/mtls-openssl apply recipes/mutual-tls.yaml --directory demo
	$(BIN)/mtls-openssl verify recipes/mutual-tls.yaml --directory demo

test: $(READY)
	$(BIN)/pytest -n 2 -m "not e2e"

e2e: $(READY)
	$(BIN)/pytest -n 2 --dist loadfile -m e2e tests/e2e

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

matrix: $(READY)
	PATH="$(abspath $(BIN)):$$PATH" sh tests/matrix.sh $(MATRIX)

bench: $(READY)
	$(BIN)/python -m compileall -q mtls_openssl
	$(BIN)/python tests/bench.py

golden: $(READY)
	$(BIN)/python tests/golden.py

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -q mtls_openssl
	touch $(READY)

clean:
	rm -rf $(VENV) .cache demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
