"""What trl's trainers compute from log-probabilities that are made here: tests/training/trl_losses.json.

trl brings pyarrow and pandas with it, which nothing else needs, so that `make test` does not install it. Its losses are
stored with the version that made them:

    python -m venv /tmp/trl && /tmp/trl/bin/pip install torch trl==1.16.0
    /tmp/trl/bin/python tests/training/trl_losses.py

The trainers are not built, since that would take a model and data; their method that computes the loss is called with
a stand-in that holds their settings and hands out the log-probabilities.
"""

import json
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import torch

STORED = Path(__file__).with_suffix(".json")
PAIRS, SAMPLES, TOKENS = 6, 8, 5
BETAS = (0.03, 0.1, 1.0)
GRPO = ({"clip": 0.2, "beta": 0.0}, {"clip": 0.2, "beta": 0.04}, {"clip": 0.05, "beta": 0.5})


def log_probs(seed: int, rows: int) -> torch.Tensor:
    """(rows, TOKENS), the same for every reader of the file: no generator of random numbers is asked."""
    places = torch.arange(rows * TOKENS, dtype=torch.float64).view(rows, TOKENS)
    return -1.5 - torch.sin((seed + 1) * places)


def near(seed: int, rows: int, distance: float) -> torch.Tensor:
    """Log-probabilities that differ a little from those of seed 0."""
    return log_probs(0, rows) + distance * (log_probs(seed, rows) + 1.5)


def advantages() -> torch.Tensor:
    return torch.cos(3 * torch.arange(SAMPLES, dtype=torch.float64))


def with_gradient(loss: torch.Tensor, of: torch.Tensor) -> dict[str, object]:
    return {"loss": loss.item(), "gradient": torch.autograd.grad(loss, of)[0].tolist()}


class Outputs:
    """A model's outputs; whatever is read of them beside the log-probabilities goes into the trainer's log alone."""

    def __init__(self, log_probs: torch.Tensor) -> None:
        self.log_probs = log_probs

    def __getattr__(self, name: str) -> torch.Tensor:
        return torch.ones_like(self.log_probs, dtype=torch.bool if name == "is_top1" else None).detach()


def stand_in(**settings: object) -> MagicMock:
    """Something with a trainer's settings, on a single process."""
    trainer = MagicMock(aux_loss_enabled=False, **settings)
    for name in ("reduce", "gather", "gather_for_metrics"):
        getattr(trainer.accelerator, name).side_effect = lambda x, **_: x
    return trainer


def dpo(beta: float) -> dict[str, object]:
    """The loss of trl's DPOTrainer, and its gradient with respect to the policy's log-probabilities."""
    from trl.trainer.dpo_trainer import DPOTrainer

    policy, reference = log_probs(0, 2 * PAIRS).requires_grad_(), near(3, 2 * PAIRS, 0.7)
    trainer = stand_in(
        beta=beta, loss_types=["sigmoid"], loss_weights=[1.0], ld_alpha=None, label_smoothing=0.0,
        f_divergence_type="reverse_kl", precompute_ref_logps=True, use_weighting=False,
    )  # fmt: skip
    ids = torch.zeros(2 * PAIRS, TOKENS + 1, dtype=torch.long)
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "completion_mask": torch.ones_like(ids),
        "ref_chosen_logps": reference[:PAIRS].sum(1),
        "ref_rejected_logps": reference[PAIRS:].sum(1),
    }

    return with_gradient(DPOTrainer._compute_loss(trainer, lambda **_: Outputs(policy), inputs, False), policy)


def grpo(clip: float, beta: float) -> dict[str, object]:
    """The loss of trl's GRPOTrainer with the paper's mean over each sample's tokens, and its gradient."""
    from trl.trainer.grpo_trainer import GRPOTrainer

    policy = log_probs(0, SAMPLES).requires_grad_()
    ids = torch.zeros(SAMPLES, TOKENS, dtype=torch.long)
    trainer = stand_in(
        beta=beta, epsilon_low=clip, epsilon_high=clip, loss_type="grpo", importance_sampling_level="token",
        top_entropy_quantile=1.0, off_policy_mask_threshold=None, use_vllm=False,
        _entropy_bonus_enabled=False, use_adaptive_entropy=False, current_gradient_accumulation_steps=1,
    )  # fmt: skip
    trainer.args = SimpleNamespace(delta=None, use_bias_correction_kl=False)
    trainer._get_per_token_logps_and_entropies.return_value = (policy, torch.zeros_like(policy).detach(), None)
    inputs = {
        "prompt_ids": ids[:, :1],
        "prompt_mask": torch.ones_like(ids[:, :1]),
        "completion_ids": ids,
        "completion_mask": torch.ones_like(ids),
        "advantages": advantages(),
        "old_per_token_logps": near(1, SAMPLES, 0.3),
        "ref_per_token_logps": near(2, SAMPLES, 0.5),
    }
    return with_gradient(GRPOTrainer._compute_loss(trainer, None, inputs), policy)


if __name__ == "__main__":
    found = {
        "trl": version("trl"),
        "dpo": {str(beta): dpo(beta) for beta in BETAS},
        "grpo": [grpo(**settings) for settings in GRPO],
    }
    STORED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
