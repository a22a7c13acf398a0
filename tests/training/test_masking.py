import itertools
import math

import pytest
import torch
from comparisons import close, randomise
from torch import nn

from transformer_lib.models.bert import BertConfig, bert_for_pre_training
from transformer_lib.training import PassageSampler, mask_tokens, masked_token_loss, pre_training_loss
from transformer_lib.training.masking import IGNORE

PAD, CLS, SEP, MASK = 0, 1, 2, 3
SPECIAL = (PAD, CLS, SEP, MASK)
V = 20


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def masked(tokens, **how):
    return mask_tokens(tokens, **({"mask": MASK, "special": SPECIAL, "vocab_size": V, "generator": seeded()} | how))


# --- tokens hidden -------------------------------------------------------------------------------------------------


def test_frequencies_are_those_of_the_paper():
    tokens = torch.full((1000, 200), 7)
    inputs, labels = masked(tokens)
    n, chosen = tokens.numel(), labels != IGNORE

    def near(count, share, of):  # within five standard deviations
        assert abs(count - share * of) < 5 * math.sqrt(of * share * (1 - share)), (count / of, share)

    near(int(chosen.sum()), 0.15, n)
    near(int((inputs == MASK).sum()), 0.15 * 0.8, n)
    near(int((chosen & (inputs == 7)).sum()), 0.15 * (0.1 + 0.1 / 16), n)  # left alone, or replaced by itself
    for token in set(range(V)) - set(SPECIAL) - {7}:
        near(int((inputs == token).sum()), 0.15 * 0.1 / 16, n)


def test_labels_stand_only_where_a_token_was_chosen():
    tokens = torch.randint(4, V, (50, 40), generator=seeded(1))
    before = tokens.clone()
    inputs, labels = masked(tokens)
    assert torch.equal(tokens, before)
    chosen = labels != IGNORE
    assert torch.equal(labels[chosen], tokens[chosen])
    assert torch.equal(inputs[~chosen], tokens[~chosen])


def test_special_tokens_are_never_chosen_nor_drawn():
    tokens = torch.tensor([[CLS, 5, SEP, 6, SEP, PAD]]).expand(2000, 6)
    inputs, labels = masked(tokens, rate=1.0, shares=(0.0, 1.0, 0.0))
    assert torch.equal(inputs[:, [0, 2, 4, 5]], tokens[:, [0, 2, 4, 5]])
    assert (labels[:, [0, 2, 4, 5]] == IGNORE).all()
    assert set(inputs[:, [1, 3]].unique().tolist()) == set(range(4, V))


@pytest.mark.parametrize(("shares", "expected"), [((1, 0, 0), MASK), ((0, 0, 1), 9)])
def test_shares_can_be_all_of_one(shares, expected):
    inputs, labels = masked(torch.full((3, 4), 9), rate=1.0, shares=shares)
    assert (inputs == expected).all() and (labels == 9).all()


def test_bad_rules_are_refused():
    tokens = torch.full((1, 2), 9)
    with pytest.raises(ValueError, match=r"rate=1.5 must be between 0 and 1"):
        masked(tokens, rate=1.5)
    with pytest.raises(ValueError, match=r"shares=\(0.8, 0.1, 0.2\) must be at least 0 and add up to 1"):
        masked(tokens, shares=(0.8, 0.1, 0.2))
    with pytest.raises(ValueError, match="must leave some of the vocab_size=4 tokens"):
        masked(tokens, vocab_size=4)


# --- passages ------------------------------------------------------------------------------------------------------

# A token says where it stands: line k holds the numbers 10 k, 10 k + 1, … from 10 on.
LINES = [[10 * k + i for i in range(1 + k % 7)] for k in range(1, 60)]
FLAT = [token for line in LINES for token in line]
NUMBER = {token: place for place, token in enumerate(FLAT)}
FIRSTS = {line[0] for line in LINES}


def test_passages_begin_with_any_line_that_leaves_room():
    rows = next(PassageSampler(LINES).passages(6, 5000, seeded())).tolist()
    assert all(row == FLAT[NUMBER[row[0]] :][:6] for row in rows)
    assert {row[0] for row in rows} == {token for token in FIRSTS if NUMBER[token] + 6 <= len(FLAT)}


def pairs(length, n):
    tokens, segments, random_next = next(PassageSampler(LINES).pairs(length, n, seeded(), cls=CLS, sep=SEP))
    assert tokens.shape == segments.shape == (n, length) and random_next.shape == (n,)
    for row, segment, random in zip(tokens.tolist(), segments.tolist(), random_next.tolist(), strict=True):
        assert row[0] == CLS and row[-1] == SEP and row.count(CLS) == 1 and row.count(SEP) == 2
        middle = row.index(SEP)
        assert segment == [0] * (middle + 1) + [1] * (length - middle - 1)
        yield row[1:middle], row[middle + 1 : -1], random


def test_pairs_are_two_passages_of_which_half_belong_together():
    follows = []
    for a, b, random in pairs(18, 4000):
        for passage in (a, b):
            assert passage and passage == FLAT[NUMBER[passage[0]] :][: len(passage)]
            assert passage[0] in FIRSTS
        if not random:
            assert NUMBER[b[0]] == NUMBER[a[0]] + len(a)
        follows.append(not random)
    assert abs(sum(follows) / 4000 - 0.5) < 5 * 0.5 / math.sqrt(4000)


def test_what_is_drawn_at_random_comes_from_everywhere():
    drawn = {b[0] for _, b, random in pairs(12, 5000) if random}
    assert drawn == {token for token in FIRSTS if NUMBER[token] + 9 <= len(FLAT)}


def test_a_line_longer_than_its_room_is_cut():
    lines = PassageSampler([list(range(10, 40))])
    tokens, segments, _ = next(lines.pairs(9, 50, seeded(), cls=CLS, sep=SEP))
    assert all(row[1] == 10 for row in tokens.tolist())
    assert {int(row.sum()) for row in segments} == set(range(2, 7))  # from one token in B to five, and its [SEP]


def test_batches_follow_from_the_state_of_the_generator():
    generator = seeded()
    drawn = PassageSampler(LINES).pairs(15, 3, generator, cls=CLS, sep=SEP)
    next(drawn)
    state = generator.get_state()
    expected = list(itertools.islice(drawn, 3))
    generator.set_state(state)
    again = itertools.islice(PassageSampler(LINES).pairs(15, 3, generator, cls=CLS, sep=SEP), 3)
    for batch, same in zip(expected, again, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(batch, same, strict=True))


def test_bad_sizes_are_refused_before_anything_is_drawn():
    lines, generator = PassageSampler(LINES), seeded()
    with pytest.raises(ValueError, match="lines must be some, and none of them empty"):
        PassageSampler([[5], []])
    with pytest.raises(ValueError, match="batch_size=0 must be at least 1"):
        lines.passages(4, 0, generator)
    with pytest.raises(ValueError, match=f"length={len(FLAT) + 1} must be at most the {len(FLAT)} tokens"):
        lines.passages(len(FLAT) + 1, 1, generator)
    with pytest.raises(ValueError, match="length=4 must be at least 5"):
        lines.pairs(4, 1, generator, cls=CLS, sep=SEP)


# --- losses --------------------------------------------------------------------------------------------------------


def small_model():
    config = BertConfig(vocab_size=V, context_length=8, d_model=12, n_layers=2, n_heads=3, d_ff=16)
    return randomise(bert_for_pre_training(config).double())


def test_losses_are_those_of_the_whole_logits():
    model = small_model()
    inputs = torch.randint(4, V, (5, 8), generator=seeded())
    labels = torch.where(torch.rand(5, 8, generator=seeded(2)) < 0.3, inputs, IGNORE)
    segments = torch.arange(8).ge(4).long().expand(5, 8)
    random_next = torch.tensor([0, 1, 1, 0, 1])
    expected = nn.CrossEntropyLoss(ignore_index=-100)

    one = model.masked(inputs).flatten(0, 1)
    close(masked_token_loss(model.masked, (inputs, labels)), expected(one, labels.flatten()))
    tokens, sentence = model(inputs, segments=segments)
    both = expected(tokens.flatten(0, 1), labels.flatten()) + expected(sentence, random_next)
    close(pre_training_loss(model, (inputs, labels, segments, random_next)), both)


def test_the_losses_ask_the_model_itself_and_its_head_runs_where_a_label_stands_alone():
    """What wraps a model, to compile it or to spread it, sees a call of the model and nothing else."""
    model = small_model()
    inputs = torch.randint(4, V, (5, 8), generator=seeded())
    labels = torch.full((5, 8), IGNORE).index_put((torch.tensor([0, 3]), torch.tensor([7, 2])), torch.tensor(9))
    calls, rows = [], []
    model.masked.head.register_forward_hook(lambda head, x, logits: rows.append(len(logits)))

    class Wrapper(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, *arguments, **options):
            calls.append(options.keys())
            return self.inner(*arguments, **options)

        def __getattr__(self, name):
            if name in ("inner", "_modules"):
                return super().__getattr__(name)
            raise AssertionError(f"{name} was asked of the model")

    masked_token_loss(Wrapper(model.masked), (inputs, labels)).backward()
    pre_training_loss(Wrapper(model), (inputs, labels, torch.zeros_like(inputs), torch.zeros(5).long())).backward()
    assert calls == [{"at"}, {"segments", "at"}] and rows == [2, 2]


def test_nothing_chosen_is_nothing_to_learn_from():
    inputs = torch.full((1, 4), 7)
    with pytest.raises(ValueError, match="hold nothing to score"):
        masked_token_loss(small_model().masked, (inputs, torch.full((1, 4), IGNORE)))
