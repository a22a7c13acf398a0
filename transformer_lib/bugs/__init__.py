"""Bugs that real projects shipped, planted in this library's working code for as long as one wants to study them.

Each is a context manager, a loss or an optimizer that takes the place of a correct one, as small as it was where it was
found; its docstring names the report. The correct code stays the library's, and nothing here is for use.
"""

from transformer_lib.bugs.losses import (
    backward_of_means,
    backward_of_sums,
    cross_entropy_of_nothing,
    loss_over_padding,
    loss_shifted_twice,
    masked_mean,
)
from transformer_lib.bugs.models import (
    dropout_in_evaluation,
    load_by_assignment,
    load_by_copy,
    prefill_without_mask,
    rotary_order_kept,
)
from transformer_lib.bugs.steps import ClippedMuon, lost_writes, preference_loss, resume_without_state

__all__ = [
    "ClippedMuon",
    "backward_of_means",
    "backward_of_sums",
    "cross_entropy_of_nothing",
    "dropout_in_evaluation",
    "load_by_assignment",
    "load_by_copy",
    "loss_over_padding",
    "loss_shifted_twice",
    "lost_writes",
    "masked_mean",
    "preference_loss",
    "prefill_without_mask",
    "resume_without_state",
    "rotary_order_kept",
]
