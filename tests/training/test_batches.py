import itertools
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.training import BucketedPairs, pad_to_longest, random_windows

# --- windows -----------------------------------------------------------------------------------------------------


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


# --- pairs -------------------------------------------------------------------------------------------------------

PAD = 0
sequences = st.lists(st.integers(1, 9), min_size=1, max_size=7).map(tuple)
some_pairs = st.lists(st.tuples(sequences, sequences), min_size=1, max_size=30)


def many_pairs(n=60):
    """Pairs of every length up to 5, each told apart by its number."""
    return [([10 + k] * (1 + k % 5), [10 + k] * (1 + k // 5 % 4)) for k in range(n)]


def unpadded(batch):
    """The pairs of a batch, after a look at its padding: at the end, and no more than the longest needs."""
    for side in batch:
        assert side.dtype == torch.int64
        mask = side != PAD
        assert torch.equal(mask, mask.sort(dim=1, descending=True, stable=True).values) and mask[:, -1].any()
    source, target = (side.tolist() for side in batch)
    return [
        tuple(tuple(token for token in row if token != PAD) for row in pair)
        for pair in zip(source, target, strict=True)
    ]


def test_padding_goes_to_the_end():
    padded = pad_to_longest([[3], [1, 2, 3], []], pad=7)
    assert padded.tolist() == [[3, 7, 7], [1, 2, 3], [7, 7, 7]] and padded.dtype == torch.int64


@given(some_pairs, st.integers(14, 60) | st.none(), st.integers(1, 8))
def test_each_epoch_has_every_pair_once_within_the_limits(pairs, max_tokens, batch_size):
    batches = BucketedPairs(pairs, torch.Generator(), pad=PAD, max_tokens=max_tokens, batch_size=batch_size)
    for _ in range(3):
        epoch = list(itertools.islice(batches, batches.per_epoch))
        assert Counter(pair for batch in epoch for pair in unpadded(batch)) == Counter(pairs)
        for source, target in epoch:
            assert len(source) == len(target) <= batch_size
            assert max_tokens is None or source.numel() + target.numel() <= max_tokens


def test_no_batch_could_take_the_next_pair():
    """Pairs of one shape fill their batches: 60 tokens hold six pairs of 10, and only the last batch has fewer."""
    pairs = [([k] * 4, [k] * 6) for k in range(1, 21)]
    batches = BucketedPairs(pairs, torch.Generator(), pad=PAD, max_tokens=60)
    assert batches.per_epoch == 4
    assert sorted(len(source) for source, _ in itertools.islice(batches, 4)) == [2, 6, 6, 6]


def test_pairs_of_like_lengths_meet():
    pairs = many_pairs(200)
    batches = BucketedPairs(pairs, torch.Generator(), pad=PAD, batch_size=10)
    for source, target in itertools.islice(batches, batches.per_epoch):
        assert (source != PAD).all() and (target != PAD).all()  # 20 shapes of ten pairs each: no padding is needed


def test_epochs_differ_in_the_order_and_in_who_meets_whom():
    batches = BucketedPairs(many_pairs(), torch.Generator(), pad=PAD, batch_size=2)
    first, second = (
        [frozenset(unpadded(batch)) for batch in itertools.islice(batches, batches.per_epoch)] for _ in range(2)
    )
    assert first != second  # the order
    assert len(set(first) & set(second)) < len(first) / 2  # the company
    sizes = [len(next(iter(batch))[0]) for batch in first]
    assert sizes != sorted(sizes)  # short ones and long ones take turns


def test_the_seed_comes_from_the_generator():
    def drawn(seed):
        batches = BucketedPairs(many_pairs(), torch.Generator().manual_seed(seed), pad=PAD, batch_size=4)
        return [unpadded(batch) for batch in itertools.islice(batches, 40)]

    assert drawn(1) == drawn(1) != drawn(2)
    both = torch.Generator().manual_seed(1)
    one, other = (BucketedPairs(many_pairs(), both, pad=PAD, batch_size=4) for _ in range(2))
    assert unpadded(next(one)) != unpadded(next(other))


@pytest.mark.parametrize("place", [0, 1, 14, 15, 16, 37])  # 15 batches an epoch
def test_the_state_is_the_place(place):
    def fresh(seed):
        return BucketedPairs(many_pairs(), torch.Generator().manual_seed(seed), pad=PAD, batch_size=4)

    batches, other = fresh(1), fresh(2)
    next(other)
    for _ in range(place):
        next(batches)
    state = batches.get_state()
    expected = [unpadded(next(batches)) for _ in range(35)]
    other.set_state(state)
    assert [unpadded(next(other)) for _ in range(35)] == expected
    batches.set_state(state)  # backwards, too
    assert [unpadded(next(batches)) for _ in range(35)] == expected


@pytest.mark.parametrize(
    ("pairs", "options", "message"),
    [
        ([], {"batch_size": 1}, "pairs are empty"),
        ([([1], [2])], {}, "max_tokens and batch_size are both None"),
        ([([1], [2])], {"batch_size": 0}, "batch_size=0 must be at least 1"),
        ([([1], [2])], {"max_tokens": -2}, "max_tokens=-2 must be at least 1"),
        ([([1], [2]), ([], [2])], {"batch_size": 1}, r"pairs\[1\] has an empty source"),
        ([([1], [])], {"batch_size": 1}, r"pairs\[0\] has an empty target"),
        ([([1], [2, 0])], {"batch_size": 1}, r"pad=0 must not be in the target of pairs\[0\]"),
        ([([1], [2]), ([1, 1], [2, 2])], {"max_tokens": 3}, r"max_tokens=3 must be at least the 4 of pairs\[1\]"),
    ],
)
def test_bad_pairs(pairs, options, message):
    with pytest.raises(ValueError, match=message):
        BucketedPairs(pairs, torch.Generator(), pad=PAD, **options)
