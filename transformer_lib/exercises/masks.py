"""Exercises of chapter 08: who may look at whom."""

import functools
import math

import torch

from transformer_lib.exercises.engine import Question, exercise

prefix_cells = Question(
    "08.prefix_cells",
    61,
    hint="Go through the rows. A token of the prefix sees the whole prefix, and how many does a later token see?",
    mistakes={
        55: "That is the causal mask alone. Which cells above the diagonal does the prefix open?",
        71: "You added the whole square of the prefix. Its lower triangle belongs to the causal mask already.",
        65: "Two thoughts lead here. Did you add a triangle with its diagonal? The diagonal belongs to the causal mask "
        "already. Or is your prefix one token too long? It is the first *four*.",
        85: "You let the prefix look at all ten tokens. It sees all of itself, but nothing that comes after it.",
        76: "You let the tokens after the prefix look at all ten. What comes after the prefix is causal: the fifth "
        "token does not see the sixth.",
        100: "That is the whole table, in which every token sees every other. Who may not look at whom here?",
        39: "Those are the cells that are False. The question asks for the others.",
        16: "That is the prefix looking at itself. The six tokens after it look as well.",
        45: "Those are the rows of the six tokens after the prefix. The tokens of the prefix have rows, too.",
        52: "You let the tokens after the prefix see one another, all of them, and not the prefix. They are causal: "
        "each sees everything up to itself.",
        58: "Your prefix is one token too short. It is the first *four*.",
        40: "That is what all ten tokens see of the prefix. Those after it see something more.",
        37: "You cut the tokens after the prefix off from it: yours look at themselves and at one another, and at no "
        "token of the prefix. What comes after the prefix is causal.",
    },
)

leaked_pairs = Question(
    "08.leaked_pairs",
    30,
    hint="Through how many places can something travel to the left in three layers? Then ask of each of the twelve "
    "outputs how many inputs come after it at all.",
    mistakes={
        11: "That is the leak of one layer. The second layer reads outputs into which something has leaked already.",
        33: "You took three times the leak of one layer. In one layer 11 outputs have a next input. How many have one "
        "that is *three* places on?",
        36: "You counted three leaks for each of the twelve outputs. How many inputs come after the last one?",
        27: "You counted the nine outputs that have three later inputs within reach. The last three outputs have "
        "fewer, but not all of them have none.",
        66: "That is the whole future. Through three layers, how far ahead can an output see?",
        21: "That is the leak of two layers. The model has one more.",
        60: "You let the reach double with every layer. Each layer looks one key ahead, from wherever the one below "
        "has got to: what does the third one add?",
        56: "You let the reach double with every layer, and one more. Each layer looks one key ahead, from wherever "
        "the one below has got to: what does the third one add?",
        108: "You counted every input that an output hears from. Those up to its own place are no leaks.",
        78: "Those are the inputs up to each output's own place, which a causal model hears from, too. Leaks come "
        "after it.",
        12: "You counted one leak for each output. One layer reaches one input ahead, and the last output has none: "
        "how far do three layers reach?",
        38: "That is the leak of four layers. How far does one layer see ahead, and how far do three?",
        9: "You counted the pairs that are exactly three places apart. Nearer inputs leak as well.",
    },
)


def scores_and_masks(generator):
    """A row; an empty one; a causal square; scores that are large, or far below zero, beside forbidden ones.

    Those are float64: their exponentials are infinite or 0 all the same, and a logarithm of their sum is exact enough.
    """
    far = functools.partial(torch.tensor, dtype=torch.float64)
    yield torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([[True, False, True]])
    yield torch.tensor([[1.0, 2.0]]), torch.tensor([[False, False]])
    yield torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([[True, False], [True, True]])
    yield torch.tensor([[0.0, 3.0], [2.0, 0.0]]), torch.tensor([[False, False], [True, True]])
    yield torch.from_numpy(generator.normal(size=(4, 4))), torch.ones(4, 4, dtype=torch.bool).tril()
    yield torch.from_numpy(generator.normal(size=(2, 5))), torch.arange(5).expand(2, 5) < 3
    yield far([[900.0, 901.0, 899.0]] * 3), torch.tensor([[1, 0, 1], [0, 1, 1], [0, 0, 1]]) > 0
    yield far([[-900.0, -901.0, -905.0, 0.0]]), torch.tensor([[True, True, True, False]])
    yield far([[-20000.0, 3.0, -20001.0]]), torch.tensor([[True, False, True]])


@exercise("08.masked_softmax", inputs=scores_and_masks)
def masked_softmax(scores, mask):
    """A forbidden score is minus infinity before the softmax; where all are, there is nothing to share out."""
    weights = scores.masked_fill(~mask, -math.inf).softmax(dim=-1)
    return torch.where(mask.any(dim=-1, keepdim=True), weights, 0.0)


@masked_softmax.mistake
def not_a_number_in_empty_rows(scores, mask):
    """Right wherever a query may see a key. Where it may see none, every score is minus infinity, and yours returns
    NaN. Which weights does the exercise ask for in such a row?"""
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1)


@masked_softmax.mistake
def an_even_look_in_empty_rows(scores, mask):
    """Right wherever a query may see a key. Where it may see none, all of its scores are the same large negative
    number, and softmax looks at *differences*: your query looks evenly at everything that is forbidden."""
    return scores.masked_fill(~mask, -1e9).softmax(dim=-1)


@masked_softmax.mistake(fill={"−10": -10.0, "−20 or −100": -100.0, "−1,000 or −10,000": -1e3})
def hidden_too_weakly(scores, mask, *, fill):
    """A score of {fill} hides a key from scores near zero. Softmax compares scores with each other: what happens when
    all of the allowed ones are at −20,000?"""
    weights = scores.masked_fill(~mask, fill).softmax(dim=-1)
    return torch.where(mask.any(dim=-1, keepdim=True), weights, 0.0)


@masked_softmax.mistake
def multiplied_after_the_softmax(scores, mask):
    """Your rows do not sum to 1. The forbidden keys have no weight, but they are still in the denominator, where a
    model can read them: the mask came after the softmax."""
    return scores.softmax(dim=-1) * mask


@masked_softmax.mistake
def scores_multiplied(scores, mask):
    """You set the forbidden scores to 0, and a score of 0 does not block a key: its exponential is 1. Which score has
    an exponential of 0?"""
    return (scores * mask).softmax(dim=-1)


@masked_softmax.mistake
def blocked_for_allowed(scores, mask):
    """You hide what may be seen and show what may not. That is the meaning of True in nn.MultiheadAttention; here True
    means that the query may attend."""
    weights = scores.masked_fill(mask, -math.inf).softmax(dim=-1)
    return torch.where((~mask).any(dim=-1, keepdim=True), weights, 0.0)


@masked_softmax.mistake
def softmax_over_the_queries(scores, mask):
    """Your columns sum to 1, where the rows should: each query divides its attention among the keys."""
    weights = scores.masked_fill(~mask, -math.inf).softmax(dim=0)
    return torch.where(mask.any(dim=0, keepdim=True), weights, 0.0)


@masked_softmax.mistake(by={"multiply by the mask": "product", "set weights to 0": "fill", "divide": "quotient"})
def the_exponential_overflows(scores, mask, *, by):
    """Right for small scores. But e to the power of 900 is infinite, and e to the power of −900 is 0; then you {by},
    and infinity times 0, infinity over infinity, and 0 over 0 are not numbers. Softmax does not change when a row is
    moved by a constant: by which one?"""
    weights = torch.exp(scores).masked_fill(~mask, 0) if by == "fill" else torch.exp(scores) * mask
    total = weights.sum(dim=-1, keepdim=True)
    return torch.where(total > 0, weights / total, 0.0) if by == "quotient" else weights / total.clamp(min=1e-30)


@masked_softmax.mistake
def the_mask_added(scores, mask):
    """You add the mask to the scores, as 0 and 1. That makes the allowed keys a little likelier and forbids nothing.
    What is added to a forbidden score must be lower than any score."""
    return (scores + mask.to(scores.dtype)).softmax(dim=-1)


@masked_softmax.mistake(left={"0": 0.0, "0 / 0": math.nan})
def hidden_scores_take_part(scores, mask, *, left):
    """A hidden score that towers over the allowed ones takes part in yours, in the softmax that comes before the mask
    or in the maximum that you subtract. The exponentials of the allowed scores beside it are then no more than 0, and
    what is left of the row is {left}. What has to be done to the hidden scores first?"""
    weights = scores.softmax(dim=-1) * mask
    total = weights.sum(dim=-1, keepdim=True)
    return torch.where(total > 0, weights / total, left)


@masked_softmax.mistake
def nothing_where_a_key_is_hidden(scores, mask):
    """Yours gives weight 0 to every row in which *some* key is hidden. The exercise means rows in which all keys are:
    a query that may see one key has something to look at."""
    weights = scores.masked_fill(~mask, -math.inf).softmax(dim=-1)
    return torch.where(mask.all(dim=-1, keepdim=True), weights, 0.0)


@masked_softmax.mistake
def the_mask_ignored(scores, mask):
    """Your rows are a plain softmax: the mask makes no difference to them."""
    return scores.softmax(dim=-1)


def documents_of_a_row(_):
    """One document, two, several of different lengths; their numbers need not be in order."""
    yield (torch.tensor([0]),)
    yield (torch.tensor([0, 0]),)
    yield (torch.tensor([0, 1]),)
    yield (torch.tensor([0, 0, 1]),)
    yield (torch.tensor([4, 4, 4, 2, 2, 9]),)
    yield (torch.tensor([1, 0, 0, 0, 2, 2, 2, 2]),)


def _same(documents):
    return documents[:, None] == documents


def _past(T):
    return torch.ones(T, T, dtype=torch.bool).tril()


@exercise(
    "08.packed_mask",
    inputs=documents_of_a_row,
    hint="Two conditions must hold for a cell: which ones? Build a table for each of them, and look at both.",
)
def packed_mask(documents):
    """The past, and of it only one's own document."""
    return _same(documents) & _past(len(documents))


@packed_mask.mistake
def documents_ignored(documents):
    """The future is hidden, but the documents make no difference to yours: the first word of the second document still
    sees all of the first."""
    return _past(len(documents))


@packed_mask.mistake
def future_left_open(documents):
    """The documents are kept apart, but inside each of them every token sees the tokens after it, and so its answer."""
    return _same(documents)


@packed_mask.mistake
def either_is_enough(documents):
    """Yours allows what *either* condition allows, so a document sees the ones before it, and its own future. A key
    must pass both conditions."""
    return _same(documents) | _past(len(documents))


@packed_mask.mistake
def only_other_documents(documents):
    """Yours shows each token the *other* documents and hides its own. Where should True stand when two tokens belong
    to the same document?"""
    return ~_same(documents) & _past(len(documents))


@packed_mask.mistake
def cannot_see_itself(documents):
    """Your tokens see what came before them and not themselves, so the first row of each document is empty."""
    return _same(documents) & _past(len(documents)).tril(-1)


@packed_mask.mistake
def the_future_instead_of_the_past(documents):
    """Each of your tokens sees what comes *after* it. The rows are the queries and the columns the keys."""
    return _same(documents) & _past(len(documents)).T


@packed_mask.mistake
def blocked_where_true(documents):
    """True stands where looking is forbidden in yours. In this book it stands where looking is allowed."""
    return ~(_same(documents) & _past(len(documents)))


@packed_mask.mistake
def sees_one_too_far(documents):
    """Shifted by one: each query sees the key after its own, which is what it must predict."""
    return _same(documents) & torch.ones(len(documents), len(documents), dtype=torch.bool).tril(1)


@packed_mask.mistake(direction={"lower": 1, "higher": -1})
def numbers_compared_by_size(documents, *, direction):
    """You compare the documents' numbers by size, so that a token also sees the documents with a {direction} number
    that stand before its own. Which comparison lets only its own document through?"""
    return (direction * (documents[:, None] - documents) >= 0) & _past(len(documents))


@packed_mask.mistake
def only_itself_and_the_one_before(documents):
    """Each of your tokens sees itself and the token before it, no further. A document may be longer than two tokens,
    and all that came before belongs to its past."""
    return _same(documents) & _past(len(documents)).triu(-1)


@packed_mask.mistake
def only_itself(documents):
    """Each of your tokens sees itself alone. What came before it in the same document may be seen as well."""
    return torch.eye(len(documents), dtype=torch.bool)


@packed_mask.mistake
def the_first_document_for_all(documents):
    """You compare every token with the document of the first one only. A cell of the mask has a query and a key: the
    document of which token has to be compared with that of which?"""
    own = documents == documents[0]
    return own[:, None] & own & _past(len(documents))


def lengths_and_widths(_):
    """One text that fills its row, one that does not, several."""
    yield torch.tensor([1]), 1
    yield torch.tensor([2]), 2
    yield torch.tensor([1]), 2
    yield torch.tensor([2]), 4
    yield torch.tensor([2, 4, 1]), 4
    yield torch.tensor([5, 3]), 5


def _real(lengths, T):
    """(B, T): the last of the row are real."""
    return torch.arange(T) >= T - lengths[:, None]


@exercise(
    "08.left_padded_mask",
    inputs=lengths_and_widths,
    hint="Write down the table of one text of two words in a row of four. What do its four queries see?",
)
def left_padded_mask(lengths, T):
    """The past, and of it only what is real; and oneself."""
    return (_past(T) & _real(lengths, T)[:, None, None, :]) | torch.eye(T, dtype=torch.bool)


@left_padded_mask.mistake
def empty_rows(lengths, T):
    """Right for the real tokens. But the first query of a shorter text may see nothing now, neither what came before
    it, which is not there, nor itself: a softmax over nothing. What did the exercise allow such a query to see?"""
    return _past(T) & _real(lengths, T)[:, None, None, :]


@left_padded_mask.mistake
def padded_at_the_end(lengths, T):
    """Your filler is at the end of the row. Here the texts are moved to the right, so the *first* places are filled."""
    return (_past(T) & (torch.arange(T) < lengths[:, None])[:, None, None, :]) | torch.eye(T, dtype=torch.bool)


@left_padded_mask.mistake
def padded_at_the_end_without_themselves(lengths, T):
    """Your filler is at the end of the row. Here the texts are moved to the right, so the *first* places are filled,
    and the first query may otherwise see nothing at all."""
    return _past(T) & (torch.arange(T) < lengths[:, None])[:, None, None, :]


@left_padded_mask.mistake
def padding_forgotten(lengths, T):
    """The future is hidden, and the filler is not: the lengths make no difference to yours."""
    return _past(T).expand(len(lengths), 1, T, T)


@left_padded_mask.mistake
def future_forgotten(lengths, T):
    """The filler is hidden, and the future is not: each position sees what it is to predict."""
    return _real(lengths, T)[:, None, None, :] | torch.eye(T, dtype=torch.bool)


@left_padded_mask.mistake
def joined_with_or(lengths, T):
    """Yours allows what either condition allows, so the future of a real token is open. A key must pass both."""
    return _past(T) | _real(lengths, T)[:, None, None, :]


@left_padded_mask.mistake
def fillers_see_each_other(lengths, T):
    """Right for the real tokens. Your padded queries see the filler before them as well; the exercise lets them see
    only themselves."""
    real = _real(lengths, T)
    return _past(T) & (real[:, None, None, :] | ~real[:, None, :, None])


@left_padded_mask.mistake
def queries_hidden(lengths, T):
    """You close the rows of the filler and leave its columns open, so that real tokens see it. The keys are on the last
    axis."""
    return (_past(T) & _real(lengths, T)[:, None, :, None]) | torch.eye(T, dtype=torch.bool)


@left_padded_mask.mistake
def no_axis_for_the_heads(lengths, T):
    """The right table in the wrong shape. (B, T, T) is taken for (H, T, T) when it meets the scores, one mask per head
    and not one per text: the heads need an axis of their own."""
    return (_past(T) & _real(lengths, T)[:, None, :]) | torch.eye(T, dtype=torch.bool)


@left_padded_mask.mistake
def one_filler_seen(lengths, T):
    """The last filler is seen. Positions count from 0, so a text of n tokens in a row of T begins at position T − n."""
    return (_past(T) & (torch.arange(T) >= T - lengths[:, None] - 1)[:, None, None, :]) | torch.eye(T, dtype=torch.bool)


@left_padded_mask.mistake
def blocked_where_true_in_a_batch(lengths, T):
    """True stands where looking is forbidden in yours. In this book it stands where looking is allowed."""
    return ~((_past(T) & _real(lengths, T)[:, None, None, :]) | torch.eye(T, dtype=torch.bool))


@left_padded_mask.mistake
def the_length_for_the_start(lengths, T):
    """You let the text begin at position n, where n is its length. A text of n tokens that stands at the *end* of a row
    of T begins somewhere else: how much filler comes before it?"""
    return (_past(T) & (torch.arange(T) >= lengths[:, None])[:, None, None, :]) | torch.eye(T, dtype=torch.bool)


@left_padded_mask.mistake
def fillers_see_everything(lengths, T):
    """Right for the real tokens. Your fillers see every position of the row. Nobody reads their outputs, but the
    exercise lets a filler see only itself."""
    return (_past(T) & _real(lengths, T)[:, None, None, :]) | ~_real(lengths, T)[:, None, :, None]


@left_padded_mask.mistake
def real_tokens_see_all_real_ones(lengths, T):
    """The filler is hidden, and the future is not: your real tokens see all real tokens, those that come later
    too. The mask is to be causal as well."""
    real = _real(lengths, T)
    return (real[:, None, :, None] & real[:, None, None, :]) | torch.eye(T, dtype=torch.bool)


@left_padded_mask.mistake
def fillers_see_all_fillers(lengths, T):
    """Right for the real tokens. Your fillers see all the other fillers, before and after; the exercise lets them see
    only themselves."""
    real = _real(lengths, T)
    return (_past(T) & real[:, None, None, :]) | (~real[:, None, :, None] & ~real[:, None, None, :])


@left_padded_mask.mistake
def without_the_axis_of_the_queries(lengths, T):
    """Yours says which keys are real, one row for each text. Who may see a key depends on the query as well, because
    the mask is causal: the shape is (B, 1, T, T)."""
    return _real(lengths, T)[:, None, None, :]


def _hop(T):
    """The past, and the token after the next."""
    return _past(T) | torch.ones(T, T, dtype=torch.bool).triu(2).tril(2)


def masks_and_layers(generator):
    """Causal, shifted, the lab's, one without a diagonal, a single hole, and tables drawn at random."""
    yield _past(2), 1
    yield torch.ones(2, 2, dtype=torch.bool), 1
    yield torch.tensor([[False, True], [True, False]]), 2
    yield _past(3), 3
    yield _hop(4), 1
    yield _hop(4), 2
    yield torch.eye(5, dtype=torch.bool).roll(1, dims=0), 3  # the next input is four steps away
    for layers in (1, 2, 3):
        hole = _past(6)
        hole[2, 5] = True
        yield hole, layers
    for layers in (2, 3):
        yield torch.from_numpy(generator.random((7, 7)) < 0.2), layers
        yield torch.eye(7, dtype=torch.bool) | torch.eye(7, dtype=torch.bool).roll(1, dims=0), layers
        # each sees itself and the one before it; the first one sees the last


def _through(step, n_layers):
    seen = step
    for _ in range(n_layers - 1):
        seen = (seen.float() @ step.float()) > 0
    return seen


def _with_itself(mask):
    return mask | torch.eye(len(mask), dtype=torch.bool)


@exercise(
    "08.answer_leaks",
    inputs=masks_and_layers,
    hint="Draw the tokens as points and the open cells as arrows. A layer follows one arrow, or stays where it is. "
    "From which points can you reach the next one in n steps?",
)
def answer_leaks(mask, n_layers):
    """Whether output i can depend on input i + 1, where each layer looks, or stays, and the layers follow each
    other."""
    return _through(_with_itself(mask), n_layers).diagonal(1)


@answer_leaks.mistake
def one_layer_only(mask, n_layers):
    """You look at the mask itself, which is right for one layer. In the second layer, a token looks at outputs of the
    first, and these have looked already."""
    return mask.diagonal(1)


@answer_leaks.mistake
def no_way_around_the_attention(mask, n_layers):
    """You follow the mask in every layer. A layer is added to what was there before it, so a token keeps what it has
    heard even where its mask hides its own key."""
    return _through(mask, n_layers).diagonal(1)


@answer_leaks.mistake
def one_layer_too_many(mask, n_layers):
    """You count one layer too many: with one layer the answer leaks only where the mask itself is open."""
    return _through(_with_itself(mask), n_layers + 1).diagonal(1)


@answer_leaks.mistake
def any_of_the_future(mask, n_layers):
    """You say whether *anything* that comes later can be heard. The question is about the answer, the very next
    input."""
    return _through(_with_itself(mask), n_layers).triu(1).any(dim=1)[:-1]


@answer_leaks.mistake
def the_past_for_the_future(mask, n_layers):
    """You read the table below its diagonal: whether an output can hear the input *before* it. Rows are the outputs."""
    return _through(_with_itself(mask), n_layers).diagonal(-1)


@answer_leaks.mistake
def whether_not_where(mask, n_layers):
    """You say whether there is a leak anywhere. The function returns one answer for each position but the last."""
    return _through(_with_itself(mask), n_layers).diagonal(1).any()


@answer_leaks.mistake
def the_reach_is_squared(mask, n_layers):
    """You let what is reached double with each layer, as if a layer looked through a copy of all the layers below.
    Each layer follows *its own* mask once, which adds one step. (With one layer or two, there is no difference.)"""
    seen = _with_itself(mask)
    for _ in range(n_layers - 1):
        seen = _through(seen, 2)
    return seen.diagonal(1)


@answer_leaks.mistake
def one_layer_too_few(mask, n_layers):
    """You count one layer too few: with two layers, an answer may leak through one token in between."""
    return _through(_with_itself(mask), max(1, n_layers - 1)).diagonal(1)


@answer_leaks.mistake
def the_last_position_too(mask, n_layers):
    """You return an answer for the last position as well. Nothing comes after the last input, so it has no answer that
    could leak."""
    return torch.cat([answer_leaks(mask, n_layers), torch.tensor([False])])


@answer_leaks.mistake
def the_whole_table(mask, n_layers):
    """You return which output depends on which input, all of them. The question is about one input for each output:
    the very next."""
    return _through(_with_itself(mask), n_layers)
