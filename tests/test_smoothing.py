"""The four smoothings against their formulas, written with dictionaries and exact fractions, over all contexts."""

import math
from collections import Counter, defaultdict
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.ngram import AddK, JelinekMercer, KneserNey, NGramModel, Unsmoothed
from transformer_lib.smoothing import discounts_by_count

# --- the formulas, one function each: (sequences, order, V) -> p(token, context) -----------------------------------


def occurrences(sequences, n):
    return Counter(tuple(s[i : i + n]) for s in sequences for i in range(len(s) - n + 1))


def followed_by(ngrams):
    """{context: {token: count}}."""
    table = defaultdict(dict)
    for ngram, count in ngrams.items():
        table[ngram[:-1]][ngram[-1]] = count
    return table


def unsmoothed(sequences, order, vocab_size):
    tables = [followed_by(occurrences(sequences, n)) for n in range(1, order + 1)]

    def p(token, context):
        after = tables[len(context)][context]
        return Fraction(after.get(token, 0), sum(after.values())) if after else Fraction(0)

    return p


def add_k(k):
    def formula(sequences, order, vocab_size):
        tables = [followed_by(occurrences(sequences, n)) for n in range(1, order + 1)]

        def p(token, context):
            after = tables[len(context)][context]
            return (after.get(token, 0) + Fraction(k)) / (sum(after.values()) + Fraction(k) * vocab_size)

        return p

    return formula


def jelinek_mercer(weights=None):
    def formula(sequences, order, vocab_size):
        tables = [followed_by(occurrences(sequences, n)) for n in range(1, order + 1)]
        lambdas = [Fraction(w) for w in weights] if weights else [Fraction(1, 2)] * order

        def p(token, context):
            lower = p(token, context[1:]) if context else Fraction(1, vocab_size)
            after = tables[len(context)][context]
            if not after:
                return lower
            weight = lambdas[len(context)]
            return weight * Fraction(after.get(token, 0), sum(after.values())) + (1 - weight) * lower

        return p

    return formula


def kneser_ney_counts(sequences, order):
    """{n: {n-gram: c}}, occurrences at the highest order and different predecessors below it."""
    counts = {order: occurrences(sequences, order)}
    for n in range(1, order):
        before = defaultdict(set)
        for ngram in occurrences(sequences, n + 1):
            before[ngram[1:]].add(ngram[0])
        counts[n] = {ngram: len(tokens) for ngram, tokens in before.items()}
    return counts


def kneser_ney(sequences, order, vocab_size):
    counts = kneser_ney_counts(sequences, order)
    tables = {n: followed_by(counts[n]) for n in counts}

    def discounts(n):
        n1, n2, n3, n4 = (sum(c == k for c in counts[n].values()) for k in (1, 2, 3, 4))
        if 0 not in (n1, n2, n3, n4):
            y = Fraction(n1, n1 + 2 * n2)
            d = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
            if min(d) > 0:
                return d
        return Fraction(1, 2), Fraction(1), Fraction(3, 2)

    d = {n: discounts(n) for n in counts}

    def p(token, context):
        lower = p(token, context[1:]) if context else Fraction(1, vocab_size)
        n = len(context) + 1
        after = tables[n][context]
        if not after:
            return lower
        total = sum(after.values())
        ones, twos, more = (
            sum(test(c) for c in after.values()) for test in (lambda c: c == 1, lambda c: c == 2, lambda c: c > 2)
        )
        gamma = (d[n][0] * ones + d[n][1] * twos + d[n][2] * more) / total
        count = after.get(token, 0)
        discount = d[n][min(count, 3) - 1] if count else 0
        return (count - discount) / total + gamma * lower

    return p


WEIGHTS = (0.25, 0.75, 0.5, 0.125, 0.0)


def pairs(order):
    """Each smoothing beside its formula."""
    return [
        (Unsmoothed(), unsmoothed),
        (AddK(), add_k(1)),
        (AddK(0.125), add_k(0.125)),
        (JelinekMercer(), jelinek_mercer()),
        (JelinekMercer(WEIGHTS[:order]), jelinek_mercer(WEIGHTS[:order])),
        (KneserNey(), kneser_ney),
    ]


def random_text(seed, length, vocab_size):
    """Words of a small lexicon, some letters replaced: n-grams of every count from 1 up, and contexts never seen."""
    rng = np.random.default_rng(seed)
    words = [rng.integers(0, vocab_size, size=rng.integers(1, 6)) for _ in range(12)]
    text = np.concatenate([words[i] for i in rng.integers(0, 12, size=length)])[:length]
    return np.where(rng.random(length) < 0.2, rng.integers(0, vocab_size, size=length), text).tolist()


CORPORA = {
    "one long": [random_text(1, 300, 3)],
    "several, some short": [random_text(2, 60, 3), [2], [], [0, 1], random_text(3, 40, 3)],
    "three tokens": [[2, 0, 2]],
    "one token": [[1]],
    "all the same": [[1] * 20],
}


@pytest.mark.parametrize("which", range(6), ids=["unsmoothed", "add-1", "add-k", "jm", "jm-weights", "kneser-ney"])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("corpus", CORPORA)
def test_every_probability_is_the_formula(corpus, order, which):
    smoothing, formula = pairs(order)[which]
    sequences, vocab_size = CORPORA[corpus], 3
    model = NGramModel(order, vocab_size, smoothing).fit(sequences)
    p = formula(sequences, order, vocab_size)
    for length in range(order + 1):  # one longer than the model can use
        for context in list(product(range(vocab_size), repeat=length))[:: 1 if length < 4 else 7]:
            used = context[max(0, length - order + 1) :]
            expected = [float(p(token, used)) for token in range(vocab_size)]
            if sum(expected) == 0:
                with pytest.raises(ValueError, match="was never followed"):
                    model.probabilities(context)
            else:
                np.testing.assert_allclose(model.probabilities(context), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("which", range(6), ids=["unsmoothed", "add-1", "add-k", "jm", "jm-weights", "kneser-ney"])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_every_scored_token_is_the_formula(order, which):
    smoothing, formula = pairs(order)[which]
    vocab_size, train = 4, CORPORA["several, some short"]
    held_out = [[0, 2, 1, 3], random_text(4, 50, 4), [], [3], random_text(2, 30, 3)]
    model = NGramModel(order, vocab_size, smoothing).fit(train)
    p = formula(train, order, vocab_size)
    expected = []
    for sequence in held_out:
        for i, token in enumerate(sequence):
            probability = p(token, tuple(sequence[max(0, i - order + 1) : i]))
            expected.append(-math.log(probability) if probability else math.inf)
    np.testing.assert_allclose(model.token_nll(held_out), expected, rtol=1e-10, atol=1e-14)
    assert model.nats_per_token(held_out) == pytest.approx(sum(expected) / len(expected), rel=1e-10)


def test_kneser_ney_with_discounts_estimated_at_every_order_but_the_first():
    """The small corpora above mostly take the fallback, having too few different counts."""
    vocab_size, order, text = 10, 4, random_text(8, 900, 10)
    for n in (2, 3, 4):
        counts = np.array(list(kneser_ney_counts([text], order)[n].values()))
        assert discounts_by_count(counts).tolist() != [0, 0.5, 1, 1.5]
    model, p = NGramModel(order, vocab_size, KneserNey()).fit(text), kneser_ney([text], order, vocab_size)
    unseen = np.random.default_rng(0).integers(0, vocab_size, size=(20, 3)).tolist()
    for context in [text[i : i + length] for i in range(0, 200, 10) for length in range(4)] + unseen:
        expected = [float(p(token, tuple(context))) for token in range(vocab_size)]
        np.testing.assert_allclose(model.probabilities(context), expected, rtol=1e-12)


# --- modified Kneser–Ney by hand ---------------------------------------------------------------------------------


def test_kneser_ney_worked_by_hand():
    """Bigrams over a, b, c, each seen as a two-token text so that the counts can be read off.

    w:              a  b  c     counts of counts of the bigrams: n1 = 4 (bb ca cb cc), n2 = 2 (ba bc), n3 = n4 = 1
    after a         0  4  3     Y  = 4 / (4 + 2·2)       = 1/2
    after b         2  1  2     D1 = 1 - 2 · 1/2 · 2/4   = 1/2
    after c         1  1  1     D2 = 2 - 3 · 1/2 · 1/2   = 5/4
    came before w:  2  3  3     D3 = 3 - 4 · 1/2 · 1/1   = 1
                    b, c  a, b, c  a, b, c

    Unigrams by what came before them, 2 + 3 + 3 = 8. No count is 1, so the discounts are 1 for a 2, 3/2 for a 3:
        taken (1 + 3/2 + 3/2) / 8 = 1/2, of which each token gets a third;
        p(a) = (2 - 1)/8 + 1/2 · 1/3 = 7/24,    p(b) = p(c) = (3 - 3/2)/8 + 1/6 = 17/48.
    """
    a, b, c = range(3)
    seen = {(a, b): 4, (a, c): 3, (b, a): 2, (b, b): 1, (b, c): 2, (c, a): 1, (c, b): 1, (c, c): 1}
    model = NGramModel(2, 3, KneserNey()).fit([list(pair) for pair, count in seen.items() for _ in range(count)])

    pa, pb = Fraction(7, 24), Fraction(17, 48)
    after_a = Fraction(2, 7)  # (D3 + D3) / 7
    after_b = Fraction(3, 5)  # (D2 + D1 + D2) / 5
    after_c = Fraction(1, 2)  # (D1 + D1 + D1) / 3
    by_hand = {
        (): [pa, pb, pb],
        (a,): [after_a * pa, Fraction(3, 7) + after_a * pb, Fraction(2, 7) + after_a * pb],
        (b,): [Fraction(3, 20) + after_b * pa, Fraction(1, 10) + after_b * pb, Fraction(3, 20) + after_b * pb],
        (c,): [Fraction(1, 6) + after_c * pa, Fraction(1, 6) + after_c * pb, Fraction(1, 6) + after_c * pb],
    }
    for context, expected in by_hand.items():
        assert sum(expected) == 1
        np.testing.assert_allclose(model.probabilities(context), [float(p) for p in expected], rtol=1e-14)


def test_a_frequent_token_with_one_predecessor_is_no_guess_after_a_new_word():
    """San Francisco: what Kneser–Ney is for, and what raw counts in the lower order would get wrong."""
    san, francisco, glass = 0, 1, 2
    text = [[san, francisco]] * 20 + [[word, glass] for word in (3, 4, 5, 6)]
    model = NGramModel(2, 8, KneserNey()).fit(text)
    after_new_word = model.probabilities([7])
    assert after_new_word[glass] > 2 * after_new_word[francisco]
    interpolated = model.using(JelinekMercer()).probabilities([7])
    assert interpolated[francisco] > 2 * interpolated[glass]


@pytest.mark.parametrize(
    ("counts_of_counts", "expected"),
    [
        ((4, 2, 1, 1), (0.5, 1.25, 1.0)),  # by hand above
        ((10, 5, 2, 1), (0.5, 1.4, 2.0)),  # Y = 1/2; 1 - 1/2, 2 - 3/2 · 2/5, 3 - 2 · 1/2
        ((0, 2, 1, 1), (0.5, 1.0, 1.5)),
        ((4, 0, 1, 1), (0.5, 1.0, 1.5)),
        ((4, 2, 0, 1), (0.5, 1.0, 1.5)),
        ((4, 2, 1, 0), (0.5, 1.0, 1.5)),
        ((9, 1, 9, 1), (0.5, 1.0, 1.5)),  # D2 = 2 - 3 · 9/11 · 9 < 0
        ((9, 3, 1, 9), (0.5, 1.0, 1.5)),  # D3 < 0
        ((0, 0, 0, 0), (0.5, 1.0, 1.5)),
    ],
)
def test_discounts(counts_of_counts, expected):
    counts = np.repeat([1, 2, 3, 4], counts_of_counts)
    for extra in ([], [0, 0, 0], [5, 17]):
        assert discounts_by_count(np.append(counts, extra).astype(np.int64)) == pytest.approx((0, *expected))


# --- what makes a distribution -----------------------------------------------------------------------------------


@st.composite
def corpora(draw):
    vocab_size = draw(st.integers(1, 6))
    token = st.integers(0, vocab_size - 1)
    sequences = draw(st.lists(st.lists(token, max_size=30), min_size=1, max_size=4).filter(any))
    return vocab_size, sequences, draw(st.lists(token, min_size=1, max_size=8))


@given(corpora(), st.integers(1, 5), st.sampled_from([AddK(), AddK(1e-3), JelinekMercer(), KneserNey(), "fitted"]))
def test_a_smoothed_distribution_sums_to_one_and_forbids_nothing(corpus, order, smoothing):
    vocab_size, sequences, held_out = corpus
    if smoothing == "fitted":
        model = NGramModel(order, vocab_size, JelinekMercer()).fit(sequences).fit_weights([held_out])
    else:
        model = NGramModel(order, vocab_size, smoothing).fit(sequences)
    nats = model.token_nll(held_out)
    for i, token in enumerate(held_out):
        p = model.probabilities(held_out[:i])
        assert p.sum() == pytest.approx(1, abs=1e-12)
        assert p.min() > 0
        assert nats[i] == pytest.approx(-math.log(p[token]), abs=1e-12)


# --- Jelinek–Mercer weights --------------------------------------------------------------------------------------


def test_one_weight_has_a_closed_form():
    """Only token 0 was counted, of two. λ + (1 - λ)/2 is best at the held-out frequency 0.8, so λ = 0.6."""
    model = NGramModel(1, 2, JelinekMercer()).fit([0] * 10).fit_weights([0] * 80 + [1] * 20)
    assert model.smoothing.weights == pytest.approx((0.6,), abs=2e-3)
    assert model.probabilities([])[0] == pytest.approx(0.8, abs=1e-3)


def test_fitted_weights_are_as_good_as_a_grid():
    train, held_out = random_text(5, 400, 6), [random_text(5, 600, 6)[400:], random_text(6, 40, 6)]
    counted = NGramModel(2, 6, JelinekMercer()).fit(train)
    grid = np.linspace(0, 0.96, 13)
    best = min(counted.using(JelinekMercer(pair)).nats_per_token(held_out) for pair in product(grid.tolist(), repeat=2))
    fitted = counted.fit_weights(held_out)
    assert fitted.nats_per_token(held_out) < best + 5e-4
    assert fitted.nats_per_token(held_out) < counted.using(JelinekMercer()).nats_per_token(held_out) - 0.003


def test_fitted_weights_are_a_maximum_at_every_order():
    train, held_out = random_text(5, 400, 6), random_text(5, 600, 6)[400:]
    model = NGramModel(4, 6, JelinekMercer()).fit(train).fit_weights(held_out)
    best = model.nats_per_token(held_out)
    for n, step in product(range(4), (-0.05, 0.05)):
        weights = list(model.smoothing.weights)
        weights[n] = min(max(weights[n] + step, 0), 0.999)
        assert model.using(JelinekMercer(tuple(weights))).nats_per_token(held_out) > best - 1e-5


def test_an_order_that_held_out_text_never_reaches_keeps_its_weight():
    model = NGramModel(3, 2, JelinekMercer()).fit([0, 1, 0, 1, 1]).fit_weights([[0], [1], [0]])
    assert model.smoothing.weights[1:] == (0.5, 0.5)


def test_a_fitted_weight_never_forbids_the_unseen():
    """After 0 came 1 and after 1 came 0, always, so λ_2 nears 1 at every step, of which λ_1 needs a hundred."""
    model = NGramModel(2, 4, JelinekMercer()).fit([0, 1] * 20).fit_weights([[0, 1] * 10, [1, 0] * 10, [2], [3]])
    assert model.smoothing.weights[1] == pytest.approx(1, abs=1e-5)
    assert model.probabilities([0]).min() > 1e-8


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, -1, math.inf, math.nan])
def test_add_k_refuses(k):
    with pytest.raises(ValueError, match=r"k=.* must be above 0 and finite"):
        AddK(float(k))


@pytest.mark.parametrize("weight", [-0.1, 1.0, math.nan])
def test_jelinek_mercer_refuses_a_weight(weight):
    with pytest.raises(ValueError, match=r"weights\[1\]=.* must be at least 0 and below 1"):
        JelinekMercer((0.5, weight))


@pytest.mark.parametrize("kind", [tuple, list])
def test_weights_may_come_in_a_tuple_or_a_list(kind):
    expected = NGramModel(2, 3, JelinekMercer((0.25, 0.75))).fit([0, 1, 2, 1, 0]).probabilities([1])
    actual = NGramModel(2, 3, JelinekMercer(kind([0.25, 0.75]))).fit([0, 1, 2, 1, 0]).probabilities([1])
    np.testing.assert_array_equal(actual, expected)


def test_jelinek_mercer_wants_one_weight_per_order():
    with pytest.raises(ValueError, match=r"weights has 2 entries and must have order=3"):
        NGramModel(3, 4, JelinekMercer((0.5, 0.5))).fit([0, 1, 2])


def test_only_jelinek_mercer_has_weights_to_fit():
    with pytest.raises(TypeError, match=r"KneserNey.* has no weights to fit: construct with JelinekMercer"):
        NGramModel(2, 4, KneserNey()).fit([0, 1, 2]).fit_weights([0, 1])
