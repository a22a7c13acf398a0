"""A model that learns while it is scored: from what was scored, after it was scored, and on a copy."""

import pytest
import torch
import torch.nn.functional as F

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.training import dynamic_evaluate, dynamic_token_nll, gradient_rms, token_nll

LENGTH, OVERLAP = 8, 4
WINDOWS = {"length": LENGTH, "overlap": OVERLAP, "batch_size": 2}  # a step every 8 tokens


@pytest.fixture
def model():
    config = GPTConfig(vocab_size=6, context_length=LENGTH, d_model=8, n_layers=1, n_heads=2, d_ff=16, dropout=0.5)
    return gpt(config, torch.Generator().manual_seed(0)).double()


def random_text(n, seed=0):
    return torch.randint(6, (n,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 30])
def test_a_rate_of_0_scores_as_a_fixed_model_does(model, n):
    text = random_text(n)
    assert torch.equal(dynamic_token_nll(model, text, rate=0, **WINDOWS), token_nll(model, text, **WINDOWS))


def test_it_is_one_step_of_sgd_after_each_batch_of_windows(model):
    text, rate = random_text(30), 0.5
    found = dynamic_token_nll(model, text, rate=rate, **WINDOWS)
    model.eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    # The first two windows predict tokens 1 to 12, each later two 8 more, and the model learns from the last 8 of them.
    for first, last in ((0, 13), (13, 21), (21, 29), (29, 30)):
        expected = token_nll(model, text, **WINDOWS)[first:last]
        torch.testing.assert_close(found[first:last], expected)
        optimizer.zero_grad()
        F.cross_entropy(model(text[None, last - 9 : last - 1])[0], text[last - 8 : last]).backward()
        optimizer.step()


def test_gradients_are_divided_by_their_root_mean_square_on_the_training_text(model):
    text, rate, train = random_text(30), 0.05, random_text(100, seed=1)
    batches = [(train[None, i : i + 8], train[None, i + 1 : i + 9]) for i in range(0, 90, 9)]
    rms = gradient_rms(model, batches)
    found = dynamic_token_nll(model, text, rate=rate, rms=rms, **WINDOWS)
    model.eval()

    def gradients(inputs, targets):
        model.zero_grad()
        F.cross_entropy(model(inputs)[0], targets[0]).backward()
        return [weight.grad.clone() for weight in model.parameters()]

    drawn = [gradients(*batch) for batch in batches]
    for i, x in enumerate(rms):
        torch.testing.assert_close(x, torch.stack([g[i] for g in drawn]).square().mean(dim=0).sqrt())
    for first, last in ((0, 13), (13, 21), (21, 29), (29, 30)):
        torch.testing.assert_close(found[first:last], token_nll(model, text, **WINDOWS)[first:last])
        for weight, gradient, x in zip(
            model.parameters(),
            gradients(text[None, last - 9 : last - 1], text[None, last - 8 : last]),
            rms,
            strict=True,
        ):
            weight.data -= rate * gradient / (x + 1e-5)


def test_what_comes_later_changes_no_score_before_it(model):
    text = random_text(60)
    for changed in range(1, 60, 7):
        other = torch.cat([text[:changed], (text[changed:] + 1) % 6])
        here, there = (dynamic_token_nll(model, x, rate=0.5, **WINDOWS) for x in (text, other))
        assert torch.equal(here[:changed], there[:changed])
        assert not torch.equal(here[changed:], there[changed:])


@pytest.mark.parametrize("position", [5, 12, 13, 20, 21, 29])
def test_the_probabilities_of_all_next_tokens_add_up_to_one(model, position):
    """They would not if a token were learned from before it is scored."""
    text = random_text(30)
    total = 0.0
    for token in range(6):
        text[position] = token
        total += float(dynamic_token_nll(model, text, rate=0.5, **WINDOWS)[position].neg().exp())
    assert total == pytest.approx(1)


def test_the_model_is_left_as_it_was_and_a_copy_learns(model):
    model.train()
    before = {name: x.clone() for name, x in model.state_dict().items()}
    text = torch.tensor([0, 3, 1, 5, 2]).repeat(40)
    static, dynamic = (dynamic_evaluate(model, text, rate=rate, **WINDOWS) for rate in (0, 0.5))
    assert dynamic < static - 0.05
    assert model.training and all(x.grad is None for x in model.parameters())
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())


def test_what_is_frozen_stays_as_it_is(model):
    model.requires_grad_(False)
    text = random_text(30)
    with pytest.raises(ValueError, match="model has no parameter that is trained"):
        dynamic_token_nll(model, text, rate=0.5, **WINDOWS)
    model.head.requires_grad_(True)
    only_head = dynamic_token_nll(model, text, rate=0.5, **WINDOWS)
    model.requires_grad_(True)
    assert not torch.equal(only_head, dynamic_token_nll(model, text, rate=0.5, **WINDOWS))


def test_refusals(model):
    with pytest.raises(ValueError, match="rate=-1 must not be negative"):
        dynamic_token_nll(model, random_text(30), rate=-1, **WINDOWS)
    with pytest.raises(ValueError, match="rms must be that of the parameters of model that are trained"):
        dynamic_token_nll(model, random_text(30), rate=0.1, rms=[torch.ones(3)], **WINDOWS)
    with pytest.raises(ValueError, match="batches are empty: draw some"):
        gradient_rms(model, [])
    with pytest.raises(ValueError, match=r"rate=1e\+30 is too large: the loss was nan"):
        dynamic_token_nll(model, random_text(60), rate=1e30, **WINDOWS)
    with pytest.raises(ValueError, match="overlap=9 must be at least 0 and less than length=8"):
        dynamic_token_nll(model, random_text(30), rate=0.1, length=LENGTH, overlap=9)
