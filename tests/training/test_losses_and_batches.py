import math

import pytest
import torch

from transformer_lib.training import cross_entropy, next_token_loss, random_windows


def test_cross_entropy_is_the_mean_of_minus_log_p():
    logits = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[0, 4, 2], [1, 1, 3]])
    terms = []
    for b in range(2):
        for t in range(3):
            row = logits[b, t].tolist()
            terms.append(math.log(sum(math.exp(z) for z in row)) - row[targets[b, t]])
    assert cross_entropy(logits, targets).item() == pytest.approx(sum(terms) / 6, abs=1e-12)
    kept = [term for term, target in zip(terms, targets.flatten().tolist(), strict=True) if target != 1]
    assert cross_entropy(logits, targets, ignore=1).item() == pytest.approx(sum(kept) / 4, abs=1e-12)


def test_next_token_loss_asks_the_model_for_its_logits():
    table = torch.nn.Embedding(4, 4)
    inputs, targets = torch.tensor([[0, 1]]), torch.tensor([[1, 2]])
    expected = -(table.weight[0].log_softmax(-1)[1] + table.weight[1].log_softmax(-1)[2]) / 2
    torch.testing.assert_close(next_token_loss(table, (inputs, targets)), expected)


@pytest.mark.parametrize(("targets", "ignore"), [([[2, 2]], 2), ([[]], None)])
def test_nothing_to_score(targets, ignore):
    targets = torch.tensor(targets, dtype=torch.long)
    with pytest.raises(ValueError, match="hold nothing to score"):
        cross_entropy(torch.zeros(*targets.shape, 3), targets, ignore=ignore)


def test_windows_are_cut_from_the_text_one_token_apart():
    tokens = torch.arange(100, 120)  # a token says where it stands
    inputs, targets = next(random_windows(tokens, 4, 500, torch.Generator().manual_seed(0)))
    assert inputs.shape == targets.shape == (500, 4)
    starts = inputs[:, :1]
    assert torch.equal(inputs, starts + torch.arange(4))
    assert torch.equal(targets, inputs + 1)
    assert starts.unique().tolist() == list(range(100, 116))  # the first and the last possible start too


def test_windows_follow_from_the_state_of_the_generator():
    tokens, generator = torch.arange(50), torch.Generator().manual_seed(0)
    windows = random_windows(tokens, 5, 2, generator)
    next(windows)
    state = generator.get_state()
    expected = [next(windows) for _ in range(3)]
    generator.set_state(state)
    for (inputs, targets), (inputs_again, targets_again) in zip(
        expected, random_windows(tokens, 5, 2, generator), strict=False
    ):
        assert torch.equal(inputs, inputs_again) and torch.equal(targets, targets_again)


def test_bad_windows_are_refused_before_the_first_is_drawn():
    tokens, generator = torch.arange(10), torch.Generator()
    for length, batch_size, message in [
        (0, 1, "length=0 must be at least 1"),
        (3, 0, "batch_size=0 must be at least 1"),
        (10, 1, "length=10 must be less than the 10 tokens"),
    ]:
        with pytest.raises(ValueError, match=message):
            random_windows(tokens, length, batch_size, generator)
    assert next(random_windows(tokens, 9, 1, generator))[0].tolist() == [list(range(9))]
