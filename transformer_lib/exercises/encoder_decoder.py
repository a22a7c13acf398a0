"""Exercises of chapter 12: what the decoder reads, what it may see, and how a translation is scored."""

import math
from collections import Counter

import torch

from transformer_lib.exercises.engine import Question, exercise

cross_scores = Question(
    "12.cross_scores",
    40,
    hint="One sequence asks and the other answers: how many queries are there, and how many keys does each meet?",
    mistakes={
        64: "That is every character with every character: the encoder's self-attention.",
        25: "That is every target token with every target token, without its mask.",
        15: "That is the decoder's self-attention under its causal mask. No mask hides a part of the source.",
        13: "You added the two lengths. But each of the queries meets each of the keys.",
        169: "In cross-attention the two sequences are not joined into one: queries come from one side only.",
        32: "The token [begin] asks as well: nothing could be written after it otherwise.",
        8: "That is what one query computes, the newest. In training all positions ask at once.",
        5: "That is how many queries there are. How many keys does each of them meet?",
        48: "You counted a sixth query. The decoder has read [begin] and four words; [end] is not among them.",
        4: "That is how many words there are. How many scores does each of them need, and does [begin] ask as well?",
        80: "Two layers do this, one after the other. The question is about one head of one of them.",
    },
)


begin_label = Question(
    "12.begin_label",
    "does",
    hint="From what the decoder has read at that position it must say what comes next. What stands next in the target?",
    mistakes={
        "[begin]": "That is what it reads there. A decoder that predicts what it reads has only to copy.",
        "begin": "The decoder reads that marker there. If it had to predict what it reads, it could simply copy.",
        "do": "Nearly: its subject is a third person. Which form of this word opens the reference?",
        "wants": "That is not a word of the reference. What stands next there?",
        "want": "That word is two further on: it is what must follow after three tokens have been read.",
        "nurse": "That is the end of the sentence. What must follow when nothing but [begin] has been read?",
        "想": "That is a token of the source. The labels are words of the target.",
        "she": "The source begins with its subject. In the target this word is one further on: it is what must follow "
        "after two tokens have been read.",
        "她": "That is the first token of the source. The labels are words of the target.",
        "[end]": "That is the last label of all. It stands where the decoder has read the whole sentence.",
        "?": "That is the last word of the target, and the label where the decoder has read all words before it.",
    },
)


swapped_arguments = Question(
    "12.swapped_arguments",
    128,
    hint="The first argument makes the queries, and attention returns one vector per query. Which sequence asks now?",
    mistakes={
        80: "That is what the right call returns, where the target asks. Which sequence asks after the exchange?",
        40: "That is the number of weights of one head. A layer returns vectors of width D.",
        64: "That is the number of pairs of characters. The keys and values come from the target now, and a layer "
        "returns vectors.",
        16: "That is one vector. How many queries are there, each with a vector of its own?",
        160: "That is the number of weights of four heads. A layer returns vectors of width D.",
        640: "One vector comes back per *query*. The keys are summed over, so that their number is gone.",
        208: "The two sequences are not joined: only the queries have a row in what comes back.",
        8: "That is the number of vectors that come back. How many numbers does each of them have?",
    },
)


def evaluations(generator):
    """One right sentence, one with a mistake, mistakes at padding alone, several sentences of different lengths."""
    yield torch.tensor([[True]]), torch.tensor([1])
    yield torch.tensor([[True, False]]), torch.tensor([2])
    yield torch.tensor([[True, False]]), torch.tensor([1])
    yield torch.tensor([[True, True, True], [True, True, False], [True, False, True]]), torch.tensor([3, 2, 3])
    right = torch.from_numpy(generator.random((6, 9)) < 0.8)
    yield right, torch.from_numpy(generator.integers(1, 10, 6))
    yield torch.from_numpy(generator.random((5, 7)) < 0.4) | (torch.arange(7) < 4), torch.tensor([3, 4, 5, 6, 7])


@exercise("12.first_mistakes", inputs=evaluations)
def first_mistakes(right, lengths):
    """The first wrong token within the length; up to it, what the model writes alone is the reference."""
    return [
        next((t for t, ok in enumerate(row[:length]) if not ok), -1)
        for row, length in zip(right.tolist(), lengths.tolist(), strict=True)
    ]


def _wrong(right, lengths):
    """(B, T): a token that is there and wrong."""
    return ~right & (torch.arange(right.shape[1]) < lengths[:, None])


@first_mistakes.mistake
def padding_counts(right, lengths):
    """A prediction at padding is a mistake to yours. What stands there is no token of the sentence, and no position
    before it ever reads it."""
    return [next((t for t, ok in enumerate(row) if not ok), -1) for row in right.tolist()]


@first_mistakes.mistake
def the_last_mistake(right, lengths):
    """You return the last wrong token. After the first one, a model that writes alone reads a different beginning, so
    what was measured there says nothing about it."""
    wrong = _wrong(right, lengths)
    return [max((t for t, bad in enumerate(row) if bad), default=-1) for row in wrong.tolist()]


@first_mistakes.mistake
def how_many_are_right(right, lengths):
    """You count the right tokens of each sentence. Tokens that are right behind a mistake do not help: how far does the
    model come before it goes wrong?"""
    there = torch.arange(right.shape[1]) < lengths[:, None]
    return (right & there).sum(dim=1)


@first_mistakes.mistake
def counted_from_one(right, lengths):
    """Your positions begin at 1. The position at which the decoder has read only [begin] is number 0."""
    found = first_mistakes.reference(right, lengths)
    return [t + 1 if t >= 0 else -1 for t in found]


@first_mistakes.mistake
def the_length_where_all_is_right(right, lengths):
    """A sentence without a mistake returns its length in yours. It was to return -1, so that it cannot be taken for
    one whose mistake stands at a position."""
    found = first_mistakes.reference(right, lengths)
    return [t if t >= 0 else int(length) for t, length in zip(found, lengths, strict=True)]


@first_mistakes.mistake
def zero_where_all_is_right(right, lengths):
    """A sentence without a mistake returns 0 in yours, as if its first token were wrong. Of equal numbers, the one at
    position 0 is found: did you take the argmax of a row without a mistake?"""
    return _wrong(right, lengths).int().argmax(dim=1)


@first_mistakes.mistake
def right_or_not(right, lengths):
    """Yours says which sentences are exactly right, which is where the question begins. Of the others it asks at which
    position."""
    return ~_wrong(right, lengths).any(dim=1)


@first_mistakes.mistake
def one_for_the_whole_batch(right, lengths):
    """You return one number for the whole batch. Each sentence has its own first mistake: one number for each is asked
    for."""
    return min((t for t in first_mistakes.reference(right, lengths) if t >= 0), default=-1)


@first_mistakes.mistake(how={"too far": 1, "too little": -1})
def one_label_off(right, lengths, *, how):
    """You read one label {how}. A sentence with n labels has them at the positions 0 to n − 1, and what stands at
    position n is padding."""
    return first_mistakes.reference(right, lengths + how)


@first_mistakes.mistake
def only_if_it_is_the_only_one(right, lengths):
    """You find a mistake only where it is the sentence's only one. What comes after the first one does not matter: the
    model has gone its own way by then."""
    wrong = _wrong(right, lengths)
    return torch.where(wrong.sum(dim=1) == 1, wrong.int().argmax(dim=1), -1)


@first_mistakes.mistake
def how_many_are_wrong(right, lengths):
    """You count the wrong tokens of each sentence. The exercise asks for the place of the first of them."""
    return _wrong(right, lengths).sum(dim=1)


@first_mistakes.mistake
def the_first_that_is_right(right, lengths):
    """You look for the first token that is *right*. What does True stand for in `right`?"""
    return first_mistakes.reference(~right, lengths)


@first_mistakes.mistake
def nothing_where_all_is_right(right, lengths):
    """A sentence without a mistake returns None in yours, or nothing. The exercise asks for a −1 in its place."""
    return [t if t >= 0 else None for t in first_mistakes.reference(right, lengths)]


@first_mistakes.mistake
def sentences_without_a_mistake_left_out(right, lengths):
    """You leave out the sentences that have no mistake, so that nobody can tell which number belongs to which sentence.
    The exercise asks for a −1 in their place."""
    return [t for t in first_mistakes.reference(right, lengths) if t >= 0]


def sources_and_targets(generator):
    """One source that fills its row, one that does not, several; more queries than keys and fewer."""
    yield torch.tensor([1]), 1, 1
    yield torch.tensor([2]), 3, 2
    yield torch.tensor([1, 3]), 3, 2
    yield torch.tensor([2, 4, 1]), 4, 5
    yield torch.tensor([3, 5]), 5, 5


@exercise("12.cross_mask", inputs=sources_and_targets)
def cross_mask(source_lengths, S, T):
    """Every query sees the real part of the source, whole."""
    real = torch.arange(S) < source_lengths[:, None]
    return real[:, None, None, :].expand(-1, 1, T, S)


def _real(source_lengths, S):
    return torch.arange(S) < source_lengths[:, None]


@cross_mask.mistake
def causal_too(source_lengths, S, T):
    """Your first target token sees the first character alone, and so on. The source is there whole before the first
    word is written: nothing of it is the future."""
    return _real(source_lengths, S)[:, None, None, :] & torch.ones(T, S, dtype=torch.bool).tril()


@cross_mask.mistake
def queries_and_keys_swapped(source_lengths, S, T):
    """Yours has a row for each character and a column for each target token. Who asks here, and who is asked?
    Queries are on the axis before the last."""
    return _real(source_lengths, S)[:, None, :, None].expand(-1, 1, S, T)


@cross_mask.mistake
def nothing_is_hidden(source_lengths, S, T):
    """The lengths make no difference to yours: the decoder reads the padding as if it were text."""
    return torch.ones(len(source_lengths), 1, T, S, dtype=torch.bool)


@cross_mask.mistake
def blocked_where_true(source_lengths, S, T):
    """Yours shows the padding and hides the sentence. In this book True is where looking is allowed."""
    return ~_real(source_lengths, S)[:, None, None, :].expand(-1, 1, T, S)


@cross_mask.mistake
def no_axis_for_the_heads(source_lengths, S, T):
    """The right table in the wrong shape: (B, T, S) meets the scores as (H, T, S), one mask a head and not one a
    sentence."""
    return _real(source_lengths, S)[:, None, :].expand(-1, T, S)


@cross_mask.mistake
def one_row_for_all_queries(source_lengths, S, T):
    """One row for all queries would do in a model, where broadcasting repeats it. The exercise wants the whole table:
    expand the row to T of them."""
    return _real(source_lengths, S)[:, None, None, :]


@cross_mask.mistake
def one_character_too_many(source_lengths, S, T):
    """The first filler is seen. Positions count from 0, so a source of n characters has none at position n."""
    return (torch.arange(S) <= source_lengths[:, None])[:, None, None, :].expand(-1, 1, T, S)


@cross_mask.mistake(which={"shortest": min, "longest": max})
def one_length_for_all(source_lengths, S, T, *, which):
    """All of your sources end where the {which} one ends. Each sentence of the batch has its own length."""
    lengths = torch.full_like(source_lengths, which(source_lengths.tolist()))
    return _real(lengths, S)[:, None, None, :].expand(-1, 1, T, S)


@cross_mask.mistake
def padded_on_the_left(source_lengths, S, T):
    """Your padding stands before the text. In this chapter it comes after it, so the *first* places of a row are
    real."""
    return (torch.arange(S) >= S - source_lengths[:, None])[:, None, None, :].expand(-1, 1, T, S)


@cross_mask.mistake
def of_the_encoder(source_lengths, S, T):
    """Yours has a row for each character of the source: that is the mask of the encoder. Who asks in cross-attention,
    and how many of them are there?"""
    return _real(source_lengths, S)[:, None, None, :].expand(-1, 1, S, S)


@cross_mask.mistake
def of_the_decoder(source_lengths, S, T):
    """Yours has a column for each token of the target: a mask for the decoder's self-attention. In cross-attention, who
    is asked?"""
    return _real(source_lengths, T)[:, None, None, :].expand(-1, 1, T, T)


@cross_mask.mistake
def padded_queries_hidden(source_lengths, S, T):
    """You close the rows of queries beyond the source's length as well. The lengths are those of the source, and the
    queries come from the target."""
    real = _real(source_lengths, S)[:, None, None, :]
    return real & (torch.arange(T) < source_lengths[:, None])[:, None, :, None]


@cross_mask.mistake
def one_character_too_few(source_lengths, S, T):
    """The last character of each source is hidden. Positions count from 0, so a source of n characters has its last at
    position n − 1."""
    return (torch.arange(S) < source_lengths[:, None] - 1)[:, None, None, :].expand(-1, 1, T, S)


def candidates_and_references(generator):
    """Too short for the n-gram, equal, a word repeated, in another order, and longer ones."""
    yield ["tea"], ["tea"], 2
    yield ["a", "cup"], ["a", "cup"], 1
    yield ["tea"], ["tea", "now"], 3
    yield ["a", "cup"], ["a", "cup", "or", "a", "glass"], 1
    yield ["he", "he"], ["she", "he"], 1
    yield ["the", "the", "the"], ["the", "cat", "the"], 1
    yield ["like", "they", "tea"], ["they", "like", "tea"], 2
    yield "I am I am a singer .".split(), "I am a singer , and I am tired .".split(), 2
    yield "she has a red a red hat".split(), "she has a red hat".split(), 3
    yield "he likes to drink to drink tea".split(), "he likes to drink tea".split(), 2


@exercise("12.clipped_precision", inputs=candidates_and_references)
def clipped_precision(candidate, reference, n):
    """Each n-gram counts at most as often as the reference has it."""
    ours, theirs = (
        Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)) for words in (candidate, reference)
    )
    return sum((ours & theirs).values()), sum(ours.values())


def _grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


@clipped_precision.mistake
def not_clipped(candidate, reference, n):
    """Whoever repeats one good word gets full marks from yours. An n-gram of the reference can be matched only as
    often as it stands there."""
    theirs, ours = set(_grams(reference, n)), _grams(candidate, n)
    return sum(gram in theirs for gram in ours), len(ours)


@clipped_precision.mistake
def each_only_once(candidate, reference, n):
    """Yours counts different n-grams, so that one that rightly stands there twice earns nothing the second time."""
    ours = set(_grams(candidate, n))
    return len(ours & set(_grams(reference, n))), len(ours)


@clipped_precision.mistake
def matches_once_of_all(candidate, reference, n):
    """Below the line you count every n-gram, and above it each kind once. One that stands twice in both was matched
    twice."""
    ours = _grams(candidate, n)
    return len(set(ours) & set(_grams(reference, n))), len(ours)


@clipped_precision.mistake
def share_of_the_reference(candidate, reference, n):
    """Divided by what the reference has, this is recall. Precision asks how much of what was *written* is right."""
    ours, theirs = Counter(_grams(candidate, n)), Counter(_grams(reference, n))
    return sum((ours & theirs).values()), sum(theirs.values())


@clipped_precision.mistake
def single_words(candidate, reference, n):
    """Right for n = 1. For larger n what counts are runs of n words, which is how the order comes in."""
    ours, theirs = Counter(candidate), Counter(reference)
    return sum((ours & theirs).values()), len(candidate)


@clipped_precision.mistake
def the_last_one_is_missing(candidate, reference, n):
    """You stop one n-gram too early. How many windows of n words fit into a sentence?"""
    ours, theirs = Counter(_grams(candidate, n)[:-1]), Counter(_grams(reference, n)[:-1])
    return sum((ours & theirs).values()), sum(ours.values())


@clipped_precision.mistake
def counts_of_the_reference(candidate, reference, n):
    """You add up how often the candidate's n-grams stand in the *reference*. One that the candidate has once is matched
    once, however often the reference has it."""
    ours, theirs = Counter(_grams(candidate, n)), Counter(_grams(reference, n))
    return sum(theirs[gram] for gram in ours), sum(ours.values())


@clipped_precision.mistake
def all_lengths_up_to_n(candidate, reference, n):
    """You count the n-grams of all lengths from 1 to n together. BLEU does combine the lengths, but as a mean of their
    precisions; here runs of exactly n words count."""
    ours, theirs = ([g for k in range(1, n + 1) for g in _grams(words, k)] for words in (candidate, reference))
    return sum((Counter(ours) & Counter(theirs)).values()), len(ours)


@clipped_precision.mistake
def pieces_at_the_end(candidate, reference, n):
    """You count the pieces at the end of a sentence, which are shorter than n words. How many whole windows of n words
    does it have?"""
    ours, theirs = (Counter(tuple(s[i : i + n]) for i in range(len(s))) for s in (candidate, reference))
    return sum((ours & theirs).values()), sum(ours.values())


@clipped_precision.mistake
def less_than_none(candidate, reference, n):
    """Right for candidates of n words or more. A shorter one has no n-gram, and yours gives it fewer than that: it has
    0 or a negative number of windows by your formula."""
    return clipped_precision(candidate, reference, n)[0], len(candidate) - n + 1


@clipped_precision.mistake
def at_least_one(candidate, reference, n):
    """Right for candidates of n words or more. A shorter one has no n-gram, and yours counts one, perhaps to keep a
    division from failing. The exercise asks for the counts."""
    matched, total = clipped_precision(candidate, reference, n)
    return matched, max(1, total)


@clipped_precision.mistake
def at_the_same_places(candidate, reference, n):
    """You compare the n-grams that stand at the same place. An n-gram counts as matched wherever the reference has
    it."""
    ours, theirs = _grams(candidate, n), _grams(reference, n)
    return sum(a == b for a, b in zip(ours, theirs, strict=False)), len(ours)


@clipped_precision.mistake
def cut_without_overlap(candidate, reference, n):
    """Your n-grams lie end to end. They overlap: the next one begins one word later."""
    ours, theirs = (Counter(_grams(words, n)[::n]) for words in (candidate, reference))
    return sum((ours & theirs).values()), sum(ours.values())


@clipped_precision.mistake
def in_any_order(candidate, reference, n):
    """You compare n-grams without regard to the order of their words. *they like* and *like they* are two different
    ones."""
    ours, theirs = (Counter(tuple(sorted(g)) for g in _grams(words, n)) for words in (candidate, reference))
    return sum((ours & theirs).values()), sum(ours.values())


@clipped_precision.mistake
def divided_already(candidate, reference, n):
    """You divide the two counts. BLEU adds up the counts of all sentences before it divides, so the exercise asks for
    both of them."""
    matched, total = clipped_precision(candidate, reference, n)
    return matched / total if total else 0.0


def shares_and_vocabularies(generator):
    """No smoothing; the chapter's; half of everything; and all of it, which leaves only a uniform guess."""
    yield 0.0, 4
    yield 0.1, 2
    yield 0.1, 316
    yield 0.5, 10
    yield 1.0, 8


@exercise(
    "12.surest",
    inputs=shares_and_vocabularies,
    rtol=1e-3,
    hint="Write down the smoothed label as a distribution q: what is it at the right token, and what at each of the "
    "others? Cross-entropy with q is least where p equals q.",
)
def surest(eps, V):
    """A cross-entropy is least at p = q, and is then the entropy of q."""
    right, other = 1 - eps + eps / V, eps / V
    nats = -right * math.log(right)
    return right, nats - (V - 1) * other * math.log(other) if eps else nats


def _entropy(right, other, others):
    return -right * math.log(right) - (others * other * math.log(other) if other else 0) if right else 0.0


@surest.mistake
def certain(eps, V):
    """That is training without smoothing, where the model gains by becoming ever more certain. Which distribution is
    the smoothed label?"""
    return 1.0, 0.0


@surest.mistake
def right_token_gets_no_share(eps, V):
    """You give the spread share to the other tokens alone. It is spread over the *whole* vocabulary, so that the right
    token gets a V-th of it back."""
    return 1 - eps, _entropy(1 - eps, eps / (V - 1), V - 1)


@surest.mistake
def loss_of_the_right_token_alone(eps, V):
    """Your probability is right. Your loss is -ln p of the right token alone, but the label has a share for each of the
    other tokens, too, and they cost far more nats each."""
    right = 1 - eps + eps / V
    return right, -math.log(right)


@surest.mistake
def divergence(eps, V):
    """Your probability is right. A loss of 0 at the best is the divergence KL(q || p). The cross-entropy is larger by
    the entropy of the label, which no model can lower."""
    return 1 - eps + eps / V, 0.0


@surest.mistake
def base_two(eps, V):
    """Your probability is right, and your loss is in bits. The loss of this chapter is in nats."""
    right, nats = surest.reference(eps, V)
    return right, nats / math.log(2)


def _terms(*shares_and_counts):
    """Nats of a distribution that has each share so many times; a share of 0 is left out where there is no
    smoothing."""
    return -sum(count * share * math.log(share) for share, count in shares_and_counts if share or count == 1)


@surest.mistake(others={"one token fewer than there are": -2, "as many as the vocabulary has": 0})
def others_miscounted(eps, V, *, others):
    """Your probability is right. In your loss, the tokens that are not the right one are {others}. How many of the V
    tokens are wrong?"""
    right = 1 - eps + eps / V
    return right, _terms((right, 1), (eps / V, V + others)) if eps else 0.0


@surest.mistake
def one_other_alone(eps, V):
    """Your probability is right. In your loss you count a single wrong token with its small share. There are more of
    them, and each has as much."""
    right = 1 - eps + eps / V
    return right, -right * math.log(right) - (eps / V * math.log(eps / V) if eps else 0)


@surest.mistake
def the_right_token_gets_nothing_back(eps, V):
    """You give the right token 1 − ε. The share ε is spread over the *whole* vocabulary, and the right token is one of
    its V tokens."""
    return 1 - eps, _terms((1 - eps, 1), (eps / V, V))


@surest.mistake
def as_a_coin(eps, V):
    """Your probability is right. Your loss is that of a coin: all wrong tokens together are one side of it. Each of
    them has a small share of its own."""
    right = 1 - eps + eps / V
    return right, _terms((right, 1), (1 - right, 1)) if eps else 0.0


@surest.mistake
def the_others_alone(eps, V):
    """Your probability is right. Your loss has the terms of the wrong tokens, and not that of the right one."""
    return 1 - eps + eps / V, (V - 1) * -eps / V * math.log(eps / V) if eps else 0.0


@surest.mistake
def the_share_left_over(eps, V):
    """Your loss is right. Your probability is that of the *wrong* tokens, all together or each: what has the label at
    the right one?"""
    return eps / V, surest(eps, V)[1]
