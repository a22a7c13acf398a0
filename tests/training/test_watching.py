"""What a watch writes down: against gradients and weights taken by hand, and without changing the run."""

import math

import pytest
import torch
from torch import nn

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.training import TrainConfig, Watch, next_token_loss, random_windows, train

TEXT = torch.arange(7).repeat(30)
SIZES = {"vocab_size": 7, "context_length": 8, "d_model": 8, "n_layers": 1, "n_heads": 2, "d_ff": 16}


def model_and_optimizer():
    model = gpt(GPTConfig(**SIZES), torch.Generator().manual_seed(0))
    return model, muon_and_adamw(model)


def batches():
    return random_windows(TEXT, 8, 4, torch.Generator().manual_seed(1))


def test_norm_and_ratio_are_those_taken_by_hand():
    model, optimizer = model_and_optimizer()
    watch = Watch(model, optimizer)
    train(model, batches(), TrainConfig(steps=3, max_norm=1e-3), optimizer=optimizer)

    other, its_optimizer = model_and_optimizer()
    for entry, batch in zip(watch.history, batches(), strict=False):
        its_optimizer.zero_grad()
        next_token_loss(other, batch).backward()
        norm = torch.cat([weight.grad.flatten() for weight in other.parameters()]).norm()
        before = {name: weight.detach().clone() for name, weight in other.named_parameters()}
        nn.utils.clip_grad_norm_(other.parameters(), 1e-3)
        its_optimizer.step()
        assert entry["gradient_norm"] == pytest.approx(norm.item(), rel=1e-5)  # before it was clipped
        for name, weight in other.named_parameters():
            if weight.ndim > 1:
                moved = ((weight - before[name]).norm() / before[name].norm()).item()
                assert entry[f"update_ratio/{name}"] == pytest.approx(moved, rel=1e-4)
            else:
                assert f"update_ratio/{name}" not in entry
    assert [entry["step"] for entry in watch.history] == [1, 2, 3]


def test_of_several_batches_the_norm_is_that_of_their_mean():
    norms = []
    for accumulate, batch_size in ((1, 4), (2, 2)):
        model, optimizer = model_and_optimizer()
        watch = Watch(model, optimizer)
        starts = torch.arange(4)[:, None] + torch.arange(9)
        windows = TEXT[starts].split(batch_size)
        train(
            model,
            [(part[:, :-1], part[:, 1:]) for part in windows],
            TrainConfig(steps=1, accumulate=accumulate),
            optimizer=optimizer,
        )
        norms.append(watch.history[0]["gradient_norm"])
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


def test_watching_changes_nothing_and_stops():
    ends = []
    for watched in (True, False):
        model, optimizer = model_and_optimizer()
        watch = Watch(model, optimizer, every=2) if watched else None
        train(model, batches(), TrainConfig(steps=5), optimizer=optimizer)
        ends.append(torch.cat([weight.detach().flatten() for weight in model.parameters()]))
        if watch is not None:
            assert [entry["step"] for entry in watch.history] == [2, 4]
            watch.stop()
            train(model, batches(), TrainConfig(steps=2), optimizer=optimizer)
            assert len(watch.history) == 2
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=0)


def test_a_matrix_of_zeros_has_no_ratio():
    layer = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(layer.weight)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    watch = Watch(layer, optimizer)
    layer(torch.ones(2)).backward()
    optimizer.step()
    assert math.isnan(watch.history[0]["update_ratio/weight"])


def test_refusals():
    model, optimizer = model_and_optimizer()
    with pytest.raises(ValueError, match="every=0 must be at least 1"):
        Watch(model, optimizer, every=0)
    with pytest.raises(ValueError, match="no parameter that is trained"):
        Watch(nn.Linear(2, 2).requires_grad_(False), optimizer)
