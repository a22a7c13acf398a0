"""Each bug breaks the invariant that names it, and no other; without the bug everything holds."""

import copy
import functools

import pytest
import torch
from comparisons import randomise
from torch import nn

from transformer_lib import bugs
from transformer_lib.inspection import (
    assert_all_move,
    assert_cache_exact,
    assert_causal,
    assert_finite_alone,
    assert_matches,
    assert_repeatable,
    assert_rows_independent,
    assert_targets,
    assert_tied,
    examine,
    record_targets,
)
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.optimizers import Muon, hidden_matrices
from transformer_lib.training import cross_entropy, next_token_loss

SIZES = {"vocab_size": 13, "context_length": 16, "d_model": 16, "n_layers": 2, "n_heads": 2, "d_ff": 24}
PAD = 12
ASKED = "each position is asked for the next token, with equal weight"
MOVES = "a step moves every parameter"


def a_gpt(seed=0, **options):
    return gpt(GPTConfig(**SIZES | options), torch.Generator().manual_seed(seed))


def a_trained_gpt(**options):
    return randomise(a_gpt(**options)).eval()


def windows(rows=4, T=10, seed=0):
    text = torch.randint(PAD, (rows, T + 1), generator=torch.Generator().manual_seed(seed))
    return text[:, :-1], text[:, 1:]


def padded(lengths=(10, 3, 1, 7)):
    inputs, targets = (part.clone() for part in windows(len(lengths), 10))
    for row, length in enumerate(lengths):
        targets[row, length:] = PAD
        inputs[row, length + 1 :] = PAD
    return inputs, targets


def ignoring(model, batch):
    return cross_entropy(model(batch[0]), batch[1], ignore=PAD)


def mean_of_rows(model, batch):
    return torch.stack([ignoring(model, (x[None], y[None])) for x, y in zip(*batch, strict=True)]).mean()


# --- the examination -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_right_model_passes_every_test_and_is_left_as_it_was(tied, dtype):
    model = a_gpt(tied=tied, dropout=0.1).to(dtype)
    state, training = copy.deepcopy(model.state_dict()), model.training
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    report = examine(model, windows(), loss=next_token_loss, optimizer=optimizer)
    assert report.failed == [] and {finding.verdict for finding in report.findings} == {"holds"}
    assert len(report.findings) == 9 and str(report).count("holds") == 9
    assert_matches(model.state_dict(), state)
    assert model.training == training and not optimizer.state
    assert all(parameter.grad is None for parameter in model.parameters())


def test_without_a_batch_the_model_alone_is_examined():
    names = [finding.invariant for finding in examine(a_gpt()).findings]
    assert len(names) == 5 and ASKED not in names


def test_padding_is_ignored_where_it_is_named():
    assert examine(a_gpt(), padded(), ignore=PAD).failed == []


def test_what_is_no_language_model_is_refused():
    with pytest.raises(ValueError, match="model=Linear must be a LanguageModel"):
        examine(nn.Linear(2, 2))


def test_a_loss_worse_than_a_guess_is_named():
    model = a_gpt()
    model.head.weight = nn.Parameter(model.head.weight.detach() * 500)
    report = examine(model, windows())
    assert "the loss is no worse than a uniform guess" in report.failed
    assert "a uniform guess among 13 tokens costs 2.56" in " ".join(str(report).split())


# --- bugs of models ------------------------------------------------------------------------------------------------


def test_prefill_without_a_mask():
    model = a_trained_gpt()
    with bugs.prefill_without_mask(model):
        assert_causal(model)
        with pytest.raises(AssertionError, match="even one chunk differs"):
            assert_cache_exact(model)
        assert examine(model).failed == ["reading in chunks with a cache changes nothing"]
        assert_cache_exact(model, chunks=(1,) * 8)  # which is why it is not seen where prompts have one token
    assert_cache_exact(model)


def test_dropout_in_evaluation():
    model = a_trained_gpt()
    with bugs.dropout_in_evaluation(model, 0.2):
        with pytest.raises(AssertionError, match="dropout that does not ask for the mode"):
            assert_repeatable(model)
        report = examine(model)
        assert report.failed == ["evaluation mode repeats itself"]
        assert [finding.verdict for finding in report.findings] == ["FAILS", "?", "?", "?", "holds"]
    assert_repeatable(model)


def test_the_order_of_a_rotary():
    model = randomise(llama(LlamaConfig(**SIZES | {"d_model": 32, "n_kv_heads": 1})))
    model.eval()
    right = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    tokens = windows()[0]
    with torch.no_grad():
        logits = model(tokens)
        with bugs.rotary_order_kept(model):
            assert examine(model).failed == []  # wrong, and in agreement with itself
            with pytest.raises(AssertionError, match="axis 0 is in the other rotary layout"):
                assert_matches(model.state_dict(), right)
            torch.testing.assert_close(model(tokens)[:, 0], logits[:, 0])  # at position 0 nothing turns
            assert not torch.allclose(model(tokens)[:, 5], logits[:, 5], atol=1e-2)
        torch.testing.assert_close(model(tokens), logits)


def test_tied_weights_untied_by_a_load():
    stored = {name: x for name, x in a_gpt(seed=1).state_dict().items() if name != "head.weight"}
    model = a_gpt()
    assert_tied(model)
    bugs.load_by_assignment(model, stored)
    with pytest.raises(AssertionError, match="two matrices, different already: 208 parameters more"):
        assert_tied(model)
    other = a_gpt()
    bugs.load_by_copy(other, stored)
    assert_tied(other)
    assert_matches(other.state_dict(), a_gpt(seed=1).state_dict())


# --- bugs of losses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "batch", "cause"),
    [
        (bugs.loss_shifted_twice, windows(), "shifted twice"),
        (bugs.loss_over_padding, padded(), "19 of 40 scored positions are asked for token 12.*averaged over padding"),
        (lambda model, batch: next_token_loss(model, (batch[0], batch[0])), windows(), "targets are not shifted"),
        (lambda model, batch: next_token_loss(model, (batch[0], batch[1].flip(1))), windows(), "different texts"),
        (lambda model, batch: 2 * next_token_loss(model, batch), windows(), "sum to 2 and not to 1"),
        (lambda model, batch: mean_of_rows(model, batch), padded(), "a mean of means"),
        (lambda model, batch: model(batch[0]).sum() * 0, windows(), "no position is asked for anything"),
    ],
)  # fmt: skip
def test_a_loss_that_asks_for_something_else(loss, batch, cause):
    model = a_gpt()
    with pytest.raises(AssertionError, match=cause):
        assert_targets(model, lambda: loss(model, batch).backward(), ignore=PAD)
    assert_targets(model, lambda: ignoring(model, batch).backward(), ignore=PAD)
    assert ASKED in examine(model, batch, loss=loss, ignore=PAD).failed


@pytest.mark.parametrize("mean", [bugs.cross_entropy_of_nothing, bugs.masked_mean])
def test_a_mean_over_nothing(mean):
    model, batch, nothing = a_gpt(), padded((10, 0, 4)), functools.partial(mean, ignore=PAD)
    assert_targets(model, lambda: nothing(model, batch).backward(), ignore=PAD)  # the whole batch is fine
    with pytest.raises(AssertionError, match=r"row 1 alone has a loss of nan.*the mean of nothing"):
        assert_finite_alone(model, batch, nothing)
    assert_finite_alone(model, batch, ignoring)


def test_the_gradient_of_a_mean_over_nothing():
    """The built-in one is 0, and one by hand is not a number."""
    model, batch = a_gpt(), padded((0, 0))
    with pytest.raises(AssertionError, match="no position is asked for anything"):
        assert_targets(model, lambda: bugs.cross_entropy_of_nothing(model, batch, ignore=PAD).backward(), ignore=PAD)
    with pytest.raises(AssertionError, match="a mean over nothing"):
        assert_targets(model, lambda: bugs.masked_mean(model, batch, ignore=PAD).backward(), ignore=PAD)


def test_means_of_micro_batches():
    model, (inputs, targets) = a_gpt(), padded()
    parts = list(zip(inputs.split(2), targets.split(2), strict=True))
    with pytest.raises(AssertionError, match=r"counts 0\.0385 in one place and 0\.0625 in another.*a mean of means"):
        assert_targets(model, lambda: bugs.backward_of_means(model, parts, ignore=PAD), ignore=PAD)
    assert_targets(model, lambda: bugs.backward_of_sums(model, parts, ignore=PAD), ignore=PAD)
    bugs.backward_of_sums(model, parts, ignore=PAD)
    accumulated = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    ignoring(model, (inputs, targets)).backward()
    assert_matches(accumulated, {name: parameter.grad for name, parameter in model.named_parameters()}, atol=1e-6)


def test_targets_are_read_off_a_gradient_whatever_the_model():
    model, (inputs, targets) = a_trained_gpt().double().train(), padded()
    with record_targets(model) as records:
        ignoring(model, (inputs, targets)).backward()
        with torch.no_grad():
            model(inputs)
    [record] = records
    assert torch.equal(record.targets, targets.masked_fill(targets == PAD, -1))
    torch.testing.assert_close(record.weights, (targets != PAD).double() / 21)
    assert_targets(model, lambda: ignoring(model, (inputs, targets)).backward(), ignore=PAD)
    assert not model._forward_hooks


def test_gradients_that_stood_in_the_model_stand_there_again():
    model = a_gpt()
    next_token_loss(model, windows()).backward()
    before = {name: parameter.grad for name, parameter in model.named_parameters()}
    kept = {name: gradient.clone() for name, gradient in before.items()}
    assert_targets(model, lambda: next_token_loss(model, windows()).backward())
    assert all(parameter.grad is before[name] for name, parameter in model.named_parameters())
    assert_matches(before, kept)


# --- bugs of steps -------------------------------------------------------------------------------------------------


def not_contiguous(model):
    for block in model.blocks:
        weight = block.feed_forward.up.weight
        weight.data = weight.data.T.contiguous().T
    return model


def test_writes_that_are_lost():
    model = not_contiguous(a_gpt())
    assert_all_move(model, windows(), next_token_loss)
    with bugs.lost_writes():
        with pytest.raises(
            AssertionError, match=r"2 of \d+ parameters do not move.*feed_forward\.up.*the step is lost"
        ):
            assert_all_move(model, windows(), next_token_loss, torch.optim.AdamW(model.parameters(), 1e-3))
        assert_all_move(a_gpt(), windows(), next_token_loss)  # contiguous
        assert examine(model, windows()).failed == [MOVES]
    assert_all_move(model, windows(), next_token_loss)


def test_a_step_leaves_no_trace():
    model = a_gpt()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.1)
    next_token_loss(model, windows()).backward()
    optimizer.step()
    weights, state = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    assert_all_move(model, windows(seed=1), next_token_loss, optimizer)
    assert_matches(model.state_dict(), weights)
    now = optimizer.state_dict()
    assert now["param_groups"] == state["param_groups"]
    for index, entries in state["state"].items():
        assert_matches(now["state"][index], entries)


def test_why_a_parameter_stands_still_is_named():
    model = a_gpt()
    few = torch.optim.AdamW(model.blocks.parameters(), 1e-3)
    with pytest.raises(AssertionError, match=r"embedding.tokens.weight.*the optimizer does not know them"):
        assert_all_move(model, windows(), next_token_loss, few)
    model.blocks[0].requires_grad_(False)
    with pytest.raises(AssertionError, match=r"blocks.0.*frozen"):
        assert_all_move(model, windows(), next_token_loss)
    with pytest.raises(AssertionError, match="no gradient arrives"):
        assert_all_move(a_gpt(), windows(), lambda model, batch: 0 * next_token_loss(model, batch))


def middle_of_step(kind, d_model):
    """The median singular value of a first step, by the learning rate."""
    model = a_gpt(d_model=d_model, d_ff=d_model)
    weights = hidden_matrices(model)
    before = [weight.detach().clone() for weight in weights]
    optimizer = kind(weights, lr=0.5)
    next_token_loss(model, windows()).backward()
    optimizer.step()
    return (
        float(
            torch.cat([torch.linalg.svdvals(w.detach() - old) for w, old in zip(weights, before, strict=True)]).median()
        )
        / 0.5
    )


def test_an_orthogonalized_step_that_is_clipped():
    right, clipped = ([middle_of_step(kind, d) for d in (16, 32)] for kind in (Muon, bugs.ClippedMuon))
    assert all(0.5 < size < 1.3 for size in right)
    assert all(size < 0.2 for size in clipped) and clipped[1] < clipped[0]


def run(steps, resume=None):
    """Weights after so many steps; after `resume` of them, as if the run had been taken up from weights alone."""
    model, batch = a_gpt(), windows()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for step in range(steps):
        if step == resume:
            optimizer = bugs.resume_without_state(optimizer)
        optimizer.zero_grad()
        next_token_loss(model, batch).backward()
        optimizer.step()
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def test_a_run_resumed_without_the_optimizers_state():
    assert_matches(run(6), run(6))
    with pytest.raises(AssertionError, match="differs in"):
        assert_matches(run(6, resume=3), run(6))


@pytest.mark.parametrize("own", [True, False])
def test_a_policy_that_is_its_own_reference(own):
    policy = a_trained_gpt().train()
    reference = policy if own else copy.deepcopy(policy).requires_grad_(False)
    pairs = windows(seed=1)[0], windows(seed=2)[0]
    optimizer = torch.optim.SGD(policy.parameters(), 0.05)
    held, losses = {name: x.clone() for name, x in reference.state_dict().items()}, []
    for _ in range(3):
        optimizer.zero_grad()
        loss = bugs.preference_loss(policy, pairs, reference, start=4)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(0.6931, abs=1e-4)  # ln 2
    if own:
        assert losses[-1] == pytest.approx(0.6931, abs=1e-4)
        with pytest.raises(AssertionError, match="differs"):
            assert_matches(reference.state_dict(), held)
    else:
        assert losses[-1] < 0.68
        assert_matches(reference.state_dict(), held)


# --- alone or in company -------------------------------------------------------------------------------------------


def test_a_text_that_depends_on_its_neighbours_is_found():
    assert_rows_independent(a_trained_gpt())
    with pytest.raises(AssertionError, match="row 0 has other logits alone"):
        assert_rows_independent(lambda x: x - x.double().mean(dim=0, keepdim=True), torch.arange(12).reshape(3, 4) ** 2)
