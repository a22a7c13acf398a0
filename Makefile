# From Bigram to Transformer. `make` alone lists what there is; each command does its own set-up.
PY     ?= python3
PYTHON := .venv/bin/python
SITE   := _build/html/index.html

export OMP_NUM_THREADS ?= 1# two busy cores are faster with one thread each, and a run repeats to the bit
unexport PYTHONDONTWRITEBYTECODE# or each start of Python, and of each notebook, would compile PyTorch anew

.DEFAULT_GOAL := help
.PHONY: help book test check hook lint pages prose notebooks processors lab serve recipes bench lock clean

help: ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

book: .venv/book ## build the book into _build/html
	@.venv/bin/jupyter-book build --quiet -W -n --keep-going . > /dev/null
	@echo "The book is built: open file://$(abspath $(SITE))"

test: .venv/test ## run every check: the library, the notebooks, the built pages
	$(PYTHON) -m pytest -n 2 --dist loadfile

# What most changes can break and little time can tell: the parts of the model, the exercises' engine, the pages.
QUICK := tests/test_architectures.py tests/test_attention.py tests/test_block.py tests/test_cache.py tests/test_feed_forward.py \
	tests/test_masks.py tests/test_metrics.py tests/test_ngram.py tests/test_norms.py tests/test_positions.py tests/test_schedules.py \
	tests/test_smoothing.py tests/data/test_toy.py tests/exercises/test_engine.py tests/models/test_gpt.py tests/models/test_mlp.py \
	tests/tokenizers/test_bytes.py tests/tokenizers/test_characters.py tests/training/test_batches.py tests/training/test_losses.py \
	tests/book/test_notebooks.py tests/book/test_page_report.py tests/book/test_prose.py tests/tools/test_setup_env.py

check: .venv/test ## the quick part of lint and test, before a commit or a push
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m pytest -q -n 2 --dist loadfile $(QUICK)

hook: .venv/test ## run ruff, and the checks of notebooks, pages and prose, before each commit
	@$(PYTHON) tools/hook.py install

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

processors: .venv/test ## run the notebooks as other processors would (NAME=01_counting for one)
	$(PYTHON) tools/processors.py $(NAME)

lab: .venv/lab ## open the chapters in JupyterLab, to run and change them
	$(PYTHON) -m jupyterlab --config tools/jupyter_lab_config.py $(ARGS) chapters

serve: .venv/book ## a live preview that rebuilds as you edit
	$(PYTHON) tools/serve.py

recipes: .venv/test ## train again what the chapters load from trained/ (NAME=mlp for one)
	$(PYTHON) tools/run_all.py recipes $(NAME)

bench: .venv/bench ## measure speed and memory beside other implementations (NAME=ngram for one)
	$(PYTHON) tools/run_all.py bench $(NAME)
	$(PYTHON) bench/_table.py

lock: ## compile the hashed locks anew from requirements*.in (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.lock
	echo torch | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --excludes - requirements-test.in -o requirements-test.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements-lab.in -o requirements-lab.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements-bench.in -o requirements-bench.lock
	$(PY) tools/constraints.py

clean: ## remove what was built, and the virtual environment
	rm -rf _build .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# A stamp of each set-up, so that a repeated command does not even start it.
.venv/book: requirements.lock pyproject.toml tools/setup_env.py
	@$(PY) tools/setup_env.py book
	@touch $@
.venv/test: requirements.lock requirements-test.lock pyproject.toml tools/setup_env.py $(wildcard transformer_lib/data/*.py)
	@$(PY) tools/setup_env.py test
	@touch $@
.venv/lab: requirements.lock requirements-test.lock requirements-lab.lock pyproject.toml tools/setup_env.py
	@$(PY) tools/setup_env.py lab
	@touch $@
.venv/bench: requirements.lock requirements-test.lock requirements-bench.lock pyproject.toml tools/setup_env.py
	@$(PY) tools/setup_env.py bench
	@touch $@
