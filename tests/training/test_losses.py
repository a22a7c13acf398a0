import math

import pytest
import torch

from transformer_lib.training import cross_entropy, next_token_loss


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
