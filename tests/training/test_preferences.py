"""The losses of preferences and rewards: against trl, against gradients known exactly, and their errors."""

import importlib.util
import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.training.policy_gradient import (
    group_advantages,
    grpo_loss,
    kl_estimates,
    leave_one_out_advantages,
    pass_at_k,
    reinforce_loss,
)
from transformer_lib.training.preferences import continuation_log_probs, dpo_loss

spec = importlib.util.spec_from_file_location("trl_losses", Path(__file__).with_name("trl_losses.py"))
trl = importlib.util.module_from_spec(spec)
spec.loader.exec_module(trl)
STORED = json.loads(trl.STORED.read_text())


@pytest.mark.parametrize("beta", trl.BETAS)
def test_dpo_is_trls(beta):
    policy = trl.log_probs(0, 2 * trl.PAIRS).requires_grad_()
    reference = trl.near(3, 2 * trl.PAIRS, 0.7).sum(1)
    loss = dpo_loss(*policy.sum(1).chunk(2), *reference.chunk(2), beta=beta)
    assert_stored(loss, policy, STORED["dpo"][str(beta)])


@pytest.mark.parametrize("case", range(len(trl.GRPO)))
def test_grpo_is_trls(case):
    policy = trl.log_probs(0, trl.SAMPLES).requires_grad_()
    settings = {**trl.GRPO[case], "reference": trl.near(2, trl.SAMPLES, 0.5)}
    loss = grpo_loss(policy, trl.near(1, trl.SAMPLES, 0.3), trl.advantages(), **settings)
    assert_stored(loss, policy, STORED["grpo"][case])
    stopped = torch.tensor(STORED["grpo"][0]["gradient"]).eq(0).double().mean()
    assert 0.05 < stopped < 0.95, "some tokens are clipped, or the comparison says nothing of clipping"


def assert_stored(loss, policy, stored):
    gradient = torch.autograd.grad(loss, policy)[0]
    torch.testing.assert_close(loss.item(), stored["loss"], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(gradient, torch.tensor(stored["gradient"], dtype=torch.float64), rtol=1e-9, atol=1e-12)


def test_continuations_are_scored_token_by_token_given_all_that_stands_before():
    config = GPTConfig(vocab_size=7, context_length=9, d_model=8, n_layers=1, n_heads=2, d_ff=16)
    model, tokens = gpt(config, torch.Generator().manual_seed(0)).double(), torch.randint(7, (3, 9))
    found = continuation_log_probs(model, tokens, 4)
    for row in range(3):
        for place in range(4, 9):
            p = model(tokens[row : row + 1, :place])[0, -1].softmax(-1)[tokens[row, place]]
            torch.testing.assert_close(found[row, place - 4], p.log())


def test_the_optimum_of_dpo_is_the_reference_times_the_exponential_of_the_reward():
    """With preferences of Bradley and Terry over all pairs of four texts, descent ends where the theory says."""
    reward, reference = torch.tensor([0.3, -0.2, 1.0, 0.1]).double(), torch.tensor([0.1, 0.4, 0.2, 0.3]).double()
    beta, policy = 0.5, torch.zeros(4, dtype=torch.float64, requires_grad=True)
    i, j = torch.cartesian_prod(torch.arange(4), torch.arange(4)).T
    preferred = torch.sigmoid(reward[i] - reward[j])
    optimizer = torch.optim.LBFGS([policy], lr=1, max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14)

    def loss():
        optimizer.zero_grad()
        ln_p = policy.log_softmax(0)
        each = [
            dpo_loss(
                ln_p[a : a + 1], ln_p[b : b + 1], reference[a : a + 1].log(), reference[b : b + 1].log(), beta=beta
            )
            for a, b in zip(i, j, strict=True)
        ]
        total = (torch.stack(each) * preferred).mean()
        total.backward()
        return total

    optimizer.step(loss)
    best = reference * (reward / beta).exp()
    torch.testing.assert_close(policy.softmax(0), best / best.sum(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("baseline", [0.0, 2.5])
def test_reinforce_has_the_gradient_of_the_expected_reward_whatever_the_baseline(baseline):
    """Summed over all answers by their probabilities, where nothing is left to chance."""
    logits, reward = torch.randn(5, dtype=torch.float64, requires_grad=True), torch.randn(5, dtype=torch.float64)
    p = logits.softmax(0)
    want = torch.autograd.grad((p * reward).sum(), logits)[0]
    each = [reinforce_loss(logits.log_softmax(0)[a].view(1, 1), reward[a : a + 1] - baseline) for a in range(5)]
    found = torch.autograd.grad((p.detach() * torch.stack(each)).sum(), logits)[0]
    torch.testing.assert_close(found, -want)


def test_advantages_compare_a_reward_with_those_beside_it():
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0], [2.0, 2.0, 2.0, 5.0], [1.0, 1.0, 1.0, 1.0]])
    by_hand = [[r - (sum(row) - r) / 3 for r in row] for row in rewards.tolist()]
    torch.testing.assert_close(leave_one_out_advantages(rewards), torch.tensor(by_hand))
    normed = group_advantages(rewards)
    torch.testing.assert_close(normed[:2].std(dim=1), torch.ones(2), rtol=1e-3, atol=0)
    assert normed[2].eq(0).all() and normed.sum(dim=1).abs().max() < 1e-5


def test_the_estimate_of_kl_is_right_on_average_and_never_negative():
    p, q = (torch.randn(6, dtype=torch.float64).softmax(0) for _ in range(2))
    estimates = kl_estimates(p.log()[:, None], q.log()[:, None])[:, 0]
    assert (estimates >= 0).all()
    torch.testing.assert_close((p * estimates).sum(), (p * (p / q).log()).sum())


def test_as_a_loss_the_estimate_has_the_gradient_of_the_divergence_the_other_way_round():
    logits, q = torch.randn(6, dtype=torch.float64, requires_grad=True), torch.randn(6, dtype=torch.float64).softmax(0)
    ln_p = logits.log_softmax(0)
    loss = (ln_p.detach().exp() * kl_estimates(ln_p[:, None], q.log()[:, None])[:, 0]).sum()
    other = (q * (q.log() - ln_p)).sum()
    torch.testing.assert_close(*(torch.autograd.grad(x, logits, retain_graph=True)[0] for x in (loss, other)))


def test_without_steps_in_between_grpo_is_reinforce_over_the_tokens():
    ln_p, A = torch.randn(4, 3, dtype=torch.float64, requires_grad=True), torch.randn(4, dtype=torch.float64)
    one, other = grpo_loss(ln_p, ln_p.detach(), A), reinforce_loss(ln_p, A) / 3
    torch.testing.assert_close(*(torch.autograd.grad(x, ln_p)[0] for x in (one, other)))


def test_pass_at_k_is_how_often_one_of_k_is_right():
    p = torch.tensor([0.0, 0.1, 0.5, 1.0])
    assert pass_at_k(p, 1).item() == pytest.approx(0.4)
    assert pass_at_k(p, 3).item() == pytest.approx((0 + 1 - 0.9**3 + 1 - 0.5**3 + 1) / 4)


def test_a_policy_that_is_the_reference_costs_ln_2():
    same = torch.tensor([-3.0, -9.0])
    assert dpo_loss(same, same, same, same, beta=5.0).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: dpo_loss(x[0], x[0], x[0], x[0], beta=0.0), "beta=0.0 must be positive"),
        (lambda x: grpo_loss(x, x, x[:, 0], clip=0.0), "clip=0.0 must be positive"),
        (lambda x: grpo_loss(x, x, x[:, 0], beta=0.1), "beta=0.1 needs a reference"),
        (lambda x: leave_one_out_advantages(x[:, :1]), "at least two samples"),
        (lambda x: group_advantages(x[:, :1]), "must be \\(prompts, samples of each\\)"),
        (lambda x: pass_at_k(x[0], 0), "k=0 must be at least 1"),
        (lambda x: continuation_log_probs(nn.Identity(), x.long(), 0), "start=0 must be in 1..2"),
        (lambda x: continuation_log_probs(nn.Identity(), x.long(), 3), "start=3 must be in 1..2"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(3, 3))
