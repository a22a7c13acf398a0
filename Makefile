# From Bigram to Transformer. `make` alone lists what there is; each command does its own set-up.
PY     ?= python3
PYTHON := .venv/bin/python
SITE   := _build/html/index.html

export OMP_NUM_THREADS ?= 1# two busy cores are faster with one thread each, and a run repeats to the bit

.DEFAULT_GOAL := help
.PHONY: help book test lint pages prose notebooks serve recipes bench lock clean

help: ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

book: .venv/book ## build the book into _build/html
	@.venv/bin/jupyter-book build --quiet -W -n --keep-going . > /dev/null
	@echo "The book is built: open file://$(abspath $(SITE))"

test: .venv/test ## run every check: the library, the notebooks, the built pages
	$(PYTHON) -m pytest -n 2 --dist loadfile

lint: .venv/test ## style, types, the layers of the library, notebooks in normal form, pages within their limits
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) tools/notebooks.py --check
	$(PYTHON) tools/pages.py --check
	$(PYTHON) tools/prose.py --check

prose: .venv/test ## sentences and words of each page (NAME=06 for one, and which)
	$(PYTHON) tools/prose.py $(NAME)

pages: .venv/test ## minutes, plumbing and the longest cell of each page (NAME=06 for one, and where)
	$(PYTHON) tools/pages.py $(NAME)

notebooks: .venv/test ## run the notebooks and store their outputs (NAME=01_counting for one)
	$(PYTHON) tools/notebooks.py $(NAME)

serve: .venv/book ## a live preview that rebuilds as you edit
	$(PYTHON) tools/serve.py

recipes: .venv/test ## train again what the chapters load from trained/ (NAME=mlp for one)
	$(PYTHON) tools/run_all.py recipes $(NAME)

bench: .venv/test ## measure speed and memory beside other implementations (NAME=ngram for one)
	$(PYTHON) tools/run_all.py bench $(NAME)
	$(PYTHON) bench/_table.py

lock: ## compile the hashed locks anew from requirements*.in (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.lock
	echo torch | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --excludes - requirements-test.in -o requirements-test.lock

clean: ## remove what was built, and the virtual environment
	rm -rf _build .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# A stamp of each set-up, so that a repeated command does not even start it.
.venv/book: requirements.lock pyproject.toml tools/setup_env.py
	@$(PY) tools/setup_env.py book
	@touch $@
.venv/test: requirements.lock requirements-test.lock pyproject.toml tools/setup_env.py $(wildcard transformer_lib/data/*.py)
	@$(PY) tools/setup_env.py test
	@touch $@
