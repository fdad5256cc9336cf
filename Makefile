# Two commands: `make demo` shows Greenroom at work, `make test` checks everything.
# Both need Python 3.11 or newer and make; what else they use is installed into .venv/.

PORT ?= 8000
DATA ?= demo/var
WORKERS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=

PYTHON ?= $(shell scripts/find-python.sh 3.11 3.12 3.13 3.14)
PYTHON_DJANGO61 ?= $(shell scripts/find-python.sh 3.13 3.12 3.14 2>/dev/null)

export PORT DATA WORKERS
# With bytecode on the disk each of the many servers that the tests start is up sooner.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.PHONY: help demo test faults bench lint format lock clean test-venv

help:
	@echo "make demo    set up and serve the demo on 127.0.0.1:$(PORT) (PORT=..., DATA=...)"
	@echo "make test    set up and check everything: ruff, mypy, import-linter, tsc, vitest, pytest"
	@echo "make faults  only break things on purpose, and see that no promise breaks (GREENROOM_FAULTS=night: all night)"
	@echo "make bench   measure receiving beside its peers (BENCH_ARGS=--help), for an hour or so"
	@echo "make lint    the same without the tests"
	@echo "make format  let ruff sort imports and format"
	@echo "make lock    resolve requirements/*.in anew"
	@echo "make clean   remove what these made, except the demo's data"

demo:
	@scripts/venv.sh .venv/demo "$(PYTHON)" requirements/demo.txt
	@.venv/demo/bin/python scripts/check_port.py "$(PORT)"
	@exec .venv/demo/bin/python demo/serve.py

test: test-venv
	@python61="$(PYTHON_DJANGO61)"; \
	[ -z "$$python61" ] || scripts/venv.sh .venv/django61 "$$python61" requirements/test-django61.txt; \
	exec .venv/test/bin/python scripts/check.py $${python61:+--django61} -- $(PYTEST_ARGS)

faults: test-venv
	@.venv/test/bin/python scripts/check.py --faults -- $(PYTEST_ARGS)

bench:
	@scripts/venv.sh .venv/bench "$(PYTHON)" requirements/bench.txt
	@exec .venv/bench/bin/python benchmarks/receiving.py $(BENCH_ARGS)

lint: test-venv
	@.venv/test/bin/python scripts/check.py --lint-only

format: test-venv
	@.venv/test/bin/python -m ruff check --quiet --fix-only .
	@.venv/test/bin/python -m ruff format .

lock:
	@scripts/lock.sh

clean:
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist web/node_modules

test-venv:
	@scripts/venv.sh .venv/test "$(PYTHON)" requirements/test.txt
