"""Looking inside: recorded attention, heads taken away, and invariants that name what is wrong when they fail.

A model that breaks one of these still trains, and its loss may even look too good. Each `assert_` function raises an
AssertionError with the position, the numbers and the likely cause.
"""

from transformer_lib.inspection.ablation import ablate_heads
from transformer_lib.inspection.invariants import (
    assert_cache_exact,
    assert_causal,
    assert_permutation_equivariant,
    dependency_mask,
)
from transformer_lib.inspection.matching import assert_matches
from transformer_lib.inspection.recording import record_attention

__all__ = [
    "ablate_heads",
    "assert_cache_exact",
    "assert_causal",
    "assert_matches",
    "assert_permutation_equivariant",
    "dependency_mask",
    "record_attention",
]
