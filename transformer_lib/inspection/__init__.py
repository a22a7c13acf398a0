"""Looking inside: recorded attention, heads taken away, and invariants that name what is wrong when they fail.

A model that breaks one of these still trains, and its loss may even look too good. Each `assert_` function raises an
AssertionError with the position, the numbers and the likely cause; `examine` runs all that apply.
"""

from transformer_lib.inspection.ablation import ablate_heads
from transformer_lib.inspection.evaluation import assert_repeatable, assert_rows_independent, assert_tied
from transformer_lib.inspection.examination import Finding, Report, examine
from transformer_lib.inspection.invariants import (
    assert_cache_exact,
    assert_causal,
    assert_permutation_equivariant,
    dependency_mask,
)
from transformer_lib.inspection.matching import assert_matches
from transformer_lib.inspection.recording import record_attention
from transformer_lib.inspection.steps import assert_all_move, assert_finite_alone
from transformer_lib.inspection.targets import Asked, assert_targets, record_targets

__all__ = [
    "Asked",
    "Finding",
    "Report",
    "ablate_heads",
    "assert_all_move",
    "assert_cache_exact",
    "assert_causal",
    "assert_finite_alone",
    "assert_matches",
    "assert_permutation_equivariant",
    "assert_repeatable",
    "assert_rows_independent",
    "assert_targets",
    "assert_tied",
    "dependency_mask",
    "examine",
    "record_attention",
    "record_targets",
]
