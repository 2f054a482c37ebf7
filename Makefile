# Naru. `make demo` shows it; `make test` proves it. Everything goes into .venv; the second run needs no network.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PREFIX ?= /opt/naru
PIP_FLAGS ?=
PIP    := -m pip --disable-pip-version-check --quiet install --constraint requirements.lock $(PIP_FLAGS)
# Debian's packages that some tests use as the browser and as peers; see tests/conftest.py.
DEBIAN_TOOLS := chromium nginx-light gdal-bin postgresql redis-server libev-dev
DEBIAN_BENCH := wrk

.PHONY: setup demo test check bench validate clean install web lock debian-tools
.DELETE_ON_ERROR:

setup: $(VENV)/.run

demo: $(VENV)/.run
	$(BIN)/naru demo

test: $(VENV)/.test debian-tools $(VENV)/.bjoern
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.bench
	@sh deploy/debian-packages.sh $(DEBIAN_TOOLS) $(DEBIAN_BENCH)
	$(BIN)/python -m bench

# Public flood cases beside their references: writes docs/validation.md with its plots.
validate: $(VENV)/.run
	$(BIN)/python -m bench.validation

# What the Dockerfile runs: a virtual environment of its own, without the sources.
install:
	sh deploy/make-venv.sh "$(PYTHON)" "$(PREFIX)"
	rm -rf build
	"$(PREFIX)/bin/python" $(PIP) '.[sample,postgres]'
	rm -rf build
	NUMBA_CACHE_DIR="$(PREFIX)/cache" "$(PREFIX)/bin/python" -P -m ingest.tiling.warm
	NUMBA_CACHE_DIR="$(PREFIX)/cache" "$(PREFIX)/bin/python" -P -m tileserver.rendering.warm
	NUMBA_CACHE_DIR="$(PREFIX)/cache" "$(PREFIX)/bin/python" -P -m twin.warm

clean:
	rm -rf $(VENV) build dist *.egg-info naru-data .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Rebuild the viewer's page (needs node); the built files are in the repository, users need Python only.
web:
	cd viewer && npm ci && npm run build

# Refresh the pins from what is installed and was tested.
lock: $(VENV)/.bench
	sh deploy/lock.sh $(BIN)/python > requirements.lock.new && mv requirements.lock.new requirements.lock

debian-tools:
	@sh deploy/debian-packages.sh $(DEBIAN_TOOLS)

# The build's notes to packagers would drown what a newcomer should read; errors still show.
install $(VENV)/.run $(VENV)/.test $(VENV)/.bench: export PYTHONWARNINGS := ignore

$(VENV)/.created:
	@sh deploy/make-venv.sh "$(PYTHON)" $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.created setup.cfg pyproject.toml requirements.lock
	$(BIN)/python $(PIP) --editable '.[sample]'
	@echo 'Compiling the tiling engine, what draws pictures, and the river (once)...'
	@$(BIN)/python -m ingest.tiling.warm
	@$(BIN)/python -m tileserver.rendering.warm
	@$(BIN)/python -m twin.warm
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python $(PIP) --editable '.[sample,test]'
	@touch $@

# bjoern has no wheels: where there is no compiler or libev, its tests skip and say so.
$(VENV)/.bjoern: $(VENV)/.test | debian-tools
	@$(BIN)/python $(PIP) bjoern || echo 'bjoern could not be built: the tests of --tiles-only will skip.'
	@touch $@

$(VENV)/.bench: $(VENV)/.test $(VENV)/.bjoern
	$(BIN)/python $(PIP) --editable '.[sample,test,bench]'
	@touch $@
