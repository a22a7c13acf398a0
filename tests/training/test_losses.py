import math
from typing import NamedTuple

import pytest
import torch

from transformer_lib.training import (
    autocast,
    cross_entropy,
    next_token_loss,
    pad_to_longest,
    translation_loss,
)
from transformer_lib.training.placement import to_device


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


# --- smoothing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7, 1.0])
@pytest.mark.parametrize("ignore", [None, 1])
def test_smoothing_is_the_distance_from_a_smoothed_distribution(smoothing, ignore):
    """KL(q || p) + H(q), with q written out: the target keeps 1 - eps and all V tokens share eps."""
    V = 5
    logits = torch.randn(4, 3, V, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[0, 4, 2], [1, 1, 3], [1, 0, 0], [2, 2, 1]])
    terms = []
    for row, target in zip(logits.flatten(0, 1), targets.flatten().tolist(), strict=True):
        q = [smoothing / V + (1 - smoothing) * (v == target) for v in range(V)]
        p = [math.exp(z) / sum(math.exp(z) for z in row.tolist()) for z in row.tolist()]
        kl = sum(a * math.log(a / b) for a, b in zip(q, p, strict=True) if a > 0)
        if target != ignore:
            terms.append(kl - sum(a * math.log(a) for a in q if a > 0))
    value = cross_entropy(logits, targets, ignore=ignore, smoothing=smoothing).item()
    assert value == pytest.approx(sum(terms) / len(terms), abs=1e-12)
    reference = torch.nn.CrossEntropyLoss(ignore_index=-100 if ignore is None else ignore, label_smoothing=smoothing)
    assert value == pytest.approx(reference(logits.flatten(0, 1), targets.flatten()).item(), abs=1e-12)


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, math.nan])
def test_bad_smoothing(smoothing):
    with pytest.raises(ValueError, match=f"smoothing={smoothing} must be between 0 and 1"):
        cross_entropy(torch.zeros(1, 3), torch.tensor([0]), smoothing=smoothing)


# --- translation -------------------------------------------------------------------------------------------------


class Translator(torch.nn.Module):
    """PyTorch's own encoder-decoder behind our signature: its masks have the opposite polarity."""

    def __init__(self, vocab_size=9):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocab_size, 8)
        self.transformer = torch.nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True)
        self.output = torch.nn.Linear(8, vocab_size)

    def forward(self, source, target, *, source_mask=None, target_mask=None):
        assert target_mask is None and source_mask.shape == (len(source), 1, 1, source.shape[1])
        hidden = ~source_mask[:, 0, 0]
        causal = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).triu(1)
        return self.output(
            self.transformer(
                self.embedding(source),
                self.embedding(target),
                tgt_mask=causal,
                src_key_padding_mask=hidden,
                memory_key_padding_mask=hidden,
            )
        )


BEGIN, END, PAD = 1, 2, 0
PAIRS = [([3, 4, 5, 6], [BEGIN, 7, END]), ([8], [BEGIN, 3, 5, 4, 8, END]), ([5, 5], [BEGIN, END])]


def test_a_batch_of_translations_scores_each_word_as_if_its_pair_were_alone():
    torch.manual_seed(0)
    model = Translator().double()
    terms = []
    for source, target in PAIRS:
        for t in range(1, len(target)):  # word by word, with what is before it and nothing else
            everywhere = torch.ones(1, 1, 1, len(source), dtype=torch.bool)
            logits = model(torch.tensor([source]), torch.tensor([target[:t]]), source_mask=everywhere)[0, -1]
            terms.append(-logits.log_softmax(0)[target[t]].item())
    batch = tuple(pad_to_longest(side, PAD) for side in zip(*PAIRS, strict=True))
    assert translation_loss(model, batch, pad=PAD).item() == pytest.approx(sum(terms) / 8, abs=1e-12)
    smoothed = translation_loss(model, batch, pad=PAD, smoothing=0.3).item()
    logits = model(batch[0], batch[1][:, :-1], source_mask=(batch[0] != PAD)[:, None, None])
    expected = cross_entropy(logits, batch[1][:, 1:], ignore=PAD, smoothing=0.3).item()
    assert smoothed == pytest.approx(expected, abs=1e-12) and smoothed != pytest.approx(sum(terms) / 8)


def test_a_batch_is_moved_in_whatever_it_stands():
    class Pair(NamedTuple):
        left: torch.Tensor
        right: torch.Tensor

    x = torch.zeros(2)
    moved = to_device({"a": (x, [x, "text"]), "b": Pair(x, x), "n": 3}, "meta")
    assert moved["a"][0].device.type == moved["a"][1][0].device.type == moved["b"].right.device.type == "meta"
    assert isinstance(moved["b"], Pair) and isinstance(moved["a"], tuple) and moved["a"][1][1] == "text"
    assert moved["n"] == 3 and to_device(x, "cpu") is x


def test_bfloat16_reaches_the_products_and_nothing_else():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(6, 8), torch.nn.Linear(8, 6))
    seen = []
    model[1].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    batch = (torch.tensor([[0, 1, 2]]), torch.tensor([[1, 2, 3]]))
    exact, rounded = next_token_loss(model, batch), autocast(next_token_loss)(model, batch)
    rounded.backward()
    assert seen == [torch.float32, torch.bfloat16]
    assert rounded.dtype == model[1].weight.grad.dtype == torch.float32
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02) and rounded.item() != exact.item()
