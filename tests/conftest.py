"""Every test run checks the shapes in the library's signatures, and never reaches the network."""

import os

import hypothesis
from jaxtyping import install_import_hook

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread: faster on two busy cores, and the same run to run
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Shapes and types are checked here only, by this hook: library code carries the annotations and no decorator.
install_import_hook("transformer_lib", "signatures.check")

# The same examples each run, and no time limit: a slow machine is not a failure.
hypothesis.settings.register_profile("book", deadline=None, derandomize=True)
hypothesis.settings.load_profile("book")
