# `make demo` and `make test` need Python 3.11 or later and make, nothing else. Both are safe to run again.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test proofs backends lint install benchmark lock clean

demo: install
	$(BIN)/qrkeras demo

test: install
	TF_CPP_MIN_LOG_LEVEL=2 $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# What takes long, beside shorter tests of the same.
proofs: install
	TF_CPP_MIN_LOG_LEVEL=2 $(BIN)/python -m pytest -m long -n logical --maxprocesses 8 --dist loadfile

PACKAGES = 'import sysconfig; print(sysconfig.get_path("purelib"))'

# JAX and torch beside the packages of .venv, in an environment of their own: losses, layers and networks run on them.
backends: .venv-backends/installed
	.venv-backends/bin/python -m pytest tests/test_backends.py -k "agree or name"

.venv-backends/installed: tests/requirements-backends.lock .venv/installed
	$(BIN)/python -m venv --clear .venv-backends
	$(BIN)/python -c $(PACKAGES) > "$$(.venv-backends/bin/python -c $(PACKAGES))/main.pth"
	.venv-backends/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements-backends.lock
	touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qrkeras needs Python 3.11 or later; name one with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

# Training steps and `fit`; docs/results/ has the commands of the other benchmarks. torch is a peer there.
benchmark: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.lock
	$(BIN)/python benchmarks/dcgan_step.py
	$(BIN)/python benchmarks/fit_overhead.py
	$(BIN)/python benchmarks/server.py

# Rewrites the lock file from the newest versions that pyproject.toml admits.
lock:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet '.[test]'
	$(BIN)/python -m pip freeze --all --exclude pip --exclude qrkeras > requirements.lock

clean:
	rm -rf .venv .venv-backends build *.egg-info
