"""Exercises of chapter 14: what a GPT is made of, how it starts, what it is asked, and what its heads do."""

import torch

from transformer_lib.exercises.engine import Question, exercise


def sizes_of_gpts(generator):
    """From one token, one position and no width to speak of, to GPT-2 small."""
    yield 1, 1, 1, 1
    yield 3, 2, 4, 1
    yield 5, 8, 4, 3
    yield 72, 128, 160, 4
    yield 50_257, 1024, 768, 12


@exercise("14.gpt_parameters", inputs=sizes_of_gpts)
def gpt_parameters(vocab_size, context_length, d_model, n_layers):
    """Two tables, the blocks, and one more norm."""
    D = d_model
    return (vocab_size + context_length) * D + n_layers * (12 * D**2 + 13 * D) + 2 * D


@gpt_parameters.mistake
def a_head_of_its_own(vocab_size, context_length, d_model, n_layers):
    """You count a matrix for the logits beside the table of token vectors. The head is tied: what is the matrix that
    it multiplies with?"""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) + vocab_size * d_model


@gpt_parameters.mistake
def no_biases(vocab_size, context_length, d_model, n_layers):
    """The matrices and the norms are all there, and no bias. Each linear map of a block has one, as long as its
    output."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - n_layers * 9 * d_model


@gpt_parameters.mistake
def matrices_alone(vocab_size, context_length, d_model, n_layers):
    """The matrices are all there, in the blocks and outside. What is left of a block when you take its matrices away
    are vectors: what are they for?"""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - (13 * n_layers + 2) * d_model


@gpt_parameters.mistake
def matrices_and_the_last_norm(vocab_size, context_length, d_model, n_layers):
    """The matrices are all there, and the last norm. What is left of a block when you take its matrices away are
    vectors: what are they for?"""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - 13 * n_layers * d_model


@gpt_parameters.mistake
def norms_left_out(vocab_size, context_length, d_model, n_layers):
    """The linear maps and tables are all there. What stands in front of each sublayer, and after the last one, learns
    two vectors each."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - (4 * n_layers + 2) * d_model


@gpt_parameters.mistake
def last_norm_left_out(vocab_size, context_length, d_model, n_layers):
    """You are short of two vectors, once and for all layers together. Pre-norm never normalizes the stream itself:
    what does the head read?"""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - 2 * d_model


@gpt_parameters.mistake
def positions_left_out(vocab_size, context_length, d_model, n_layers):
    """The longest context makes no difference to yours. In GPT-2 positions are learned, like tokens."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - context_length * d_model


@gpt_parameters.mistake
def cross_attention_kept(vocab_size, context_length, d_model, n_layers):
    """Your blocks have a second attention, with its norm. Whom would it ask? There is no encoder left."""
    D = d_model
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) + n_layers * (4 * D**2 + 6 * D)


@gpt_parameters.mistake
def norms_without_a_shift(vocab_size, context_length, d_model, n_layers):
    """Your norms have a gain and no shift, as RMSNorm. LayerNorm learns two vectors."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - (2 * n_layers + 1) * d_model


@gpt_parameters.mistake
def one_norm_in_each_layer(vocab_size, context_length, d_model, n_layers):
    """You are short of two vectors in each layer. A layer has two sublayers, and each has a norm with a gain and a
    shift. (Or does the first of the two norms, or the second, have neither in yours?)"""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - 2 * n_layers * d_model


@gpt_parameters.mistake
def both_biases_as_wide_as_the_stream(vocab_size, context_length, d_model, n_layers):
    """You give both maps of the network a bias as wide as the stream. The first one's output is four times as wide."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - 3 * n_layers * d_model


@gpt_parameters.mistake
def both_biases_as_wide_as_the_network(vocab_size, context_length, d_model, n_layers):
    """You give both maps of the network a bias as wide as the network. The second one's output is as wide as the
    stream."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) + 3 * n_layers * d_model


@gpt_parameters.mistake
def no_biases_in_attention(vocab_size, context_length, d_model, n_layers):
    """You are short of four vectors in each layer. Either the four maps of attention have no biases in yours, or the
    two norms have neither gain nor shift."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - 4 * n_layers * d_model


@gpt_parameters.mistake
def no_biases_in_the_network(vocab_size, context_length, d_model, n_layers):
    """The two maps of the network have no biases in yours. Each has one, as long as its output."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - 5 * n_layers * d_model


@gpt_parameters.mistake
def three_maps_of_attention(vocab_size, context_length, d_model, n_layers):
    """You count the maps to queries, keys, and values. What the heads found is mapped once more before it joins the
    stream."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - n_layers * (d_model**2 + d_model)


@gpt_parameters.mistake
def one_table_of_pairs(vocab_size, context_length, d_model, n_layers):
    """You multiply the number of tokens by that of positions, as if each pair had a row of its own. There are two
    tables, whose rows are added."""
    D = d_model
    return (
        gpt_parameters(vocab_size, context_length, d_model, n_layers)
        + (vocab_size * context_length - vocab_size - context_length) * D
    )


@gpt_parameters.mistake
def one_layer_alone(vocab_size, context_length, d_model, n_layers):
    """You count the parameters of a single layer. There are `n_layers`, each with its own."""
    return gpt_parameters(vocab_size, context_length, d_model, 1)


@gpt_parameters.mistake
def the_tables_left_out(vocab_size, context_length, d_model, n_layers):
    """You count the blocks and the last norm. The model has two tables besides, of tokens and of positions."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - (vocab_size + context_length) * d_model


@gpt_parameters.mistake
def the_tokens_left_out(vocab_size, context_length, d_model, n_layers):
    """The vocabulary makes no difference to yours. The table of the tokens is there once, and the head uses it
    again."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - vocab_size * d_model


@gpt_parameters.mistake
def a_network_twice_as_wide(vocab_size, context_length, d_model, n_layers):
    """Your network has one matrix, or is half as wide as it should be. It goes up to four times the width, and down
    again."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) - 4 * n_layers * d_model**2


@gpt_parameters.mistake
def the_head_has_a_bias(vocab_size, context_length, d_model, n_layers):
    """You give the head a bias, one number for each token. The tied head has none."""
    return gpt_parameters(vocab_size, context_length, d_model, n_layers) + vocab_size


def texts_to_cut(generator):
    """A text with nothing left over, with one token too few for another window, and longer ones."""
    for n, length in ((3, 2), (4, 2), (5, 2), (9, 4), (12, 4), (30, 7)):
        yield torch.from_numpy(generator.permutation(n) + 10), length


@exercise(
    "14.inputs_and_targets",
    inputs=texts_to_cut,
    hint="The last question of a window is answered by the token after it. How many tokens do two windows of two need, "
    "and into how many windows can four tokens be cut?",
)
def inputs_and_targets(tokens, length):
    """The same windows, one token on."""
    n = (len(tokens) - 1) // length * length
    return tokens[:n].view(-1, length), tokens[1 : n + 1].view(-1, length)


@inputs_and_targets.mistake
def asked_for_what_it_reads(tokens, length):
    """Your model is asked at each position for the token that it reads there. It will learn to copy, and its loss
    will be 0."""
    n = (len(tokens) - 1) // length * length
    return tokens[:n].reshape(-1, length), tokens[:n].reshape(-1, length)


@inputs_and_targets.mistake
def the_past_as_the_answer(tokens, length):
    """You shifted the other way: your model reads a token and is asked for the one before, which it has seen
    already."""
    n = (len(tokens) - 1) // length * length
    return tokens[1 : n + 1].reshape(-1, length), tokens[:n].reshape(-1, length)


@inputs_and_targets.mistake
def rolled_within_the_window(tokens, length):
    """The last answer of each of your windows is its own first token: you rolled the window round. What comes next
    stands in the text, at the head of the next window."""
    n = (len(tokens) - 1) // length * length
    windows = tokens[:n].reshape(-1, length)
    return windows, windows.roll(-1, dims=1)


@inputs_and_targets.mistake
def one_question_a_window(tokens, length):
    """You ask one question a window: what comes after all of it. A causal model answers at every position at once."""
    n = (len(tokens) - 1) // length * length
    windows = tokens[:n].reshape(-1, length)
    return windows, tokens[1 : n + 1].reshape(-1, length)[:, -1]


@inputs_and_targets.mistake
def the_border_is_never_asked_for(tokens, length):
    """Your windows stand one token further apart than they are long, so that the text has tokens which nobody reads.
    Let the next window begin where the answers of this one end."""
    n = len(tokens) // (length + 1) * (length + 1)
    windows = tokens[:n].reshape(-1, length + 1)
    return windows[:, :-1], windows[:, 1:]


@inputs_and_targets.mistake
def the_last_window_left_out(tokens, length):
    """Your last window is missing, though its last answer is in the text. For n windows you need n times the length,
    and one token more: how many fit?"""
    n = max(0, (len(tokens) - 1) // length - 1) * length
    return tokens[:n].reshape(-1, length), tokens[1 : n + 1].reshape(-1, length)


@inputs_and_targets.mistake(filler={"0": 0, "−1": -1, "−100": -100})
def what_is_left_over_filled_up(tokens, length, *, filler):
    """You fill the last window up with {filler}. What does not fill a whole window is to be left out."""
    n = -(-(len(tokens) - 1) // length) * length
    filled = torch.cat([tokens, tokens.new_full((n + 1 - len(tokens),), filler)])
    return filled[:-1].reshape(-1, length), filled[1:].reshape(-1, length)


@inputs_and_targets.mistake
def the_end_wraps_around(tokens, length):
    """You have one window too many where the tokens just fill it: its last target is the first token of the text. What
    comes after the last token is not known, so that it can be read by no window."""
    n = len(tokens) // length * length
    return tokens[:n].reshape(-1, length), tokens.roll(-1)[:n].reshape(-1, length)


@inputs_and_targets.mistake
def windows_that_overlap(tokens, length):
    """Your windows begin at every token, so that the same question is asked `length` times. Each token is to be asked
    for once: where does the next window begin?"""
    return tokens[:-1].unfold(0, length, 1), tokens[1:].unfold(0, length, 1)


@inputs_and_targets.mistake
def in_one_row(tokens, length):
    """You shift the tokens by one and do not cut them. The exercise asks for windows of `length` tokens, one in each
    row."""
    n = (len(tokens) - 1) // length * length
    return tokens[:n], tokens[1 : n + 1]


@inputs_and_targets.mistake
def read_down_the_columns(tokens, length):
    """Your text runs down the columns. A window is a row, of tokens that follow one another."""
    n = (len(tokens) - 1) // length * length
    return tokens[:n].reshape(length, -1).T, tokens[1 : n + 1].reshape(length, -1).T


@inputs_and_targets.mistake
def two_places_on(tokens, length):
    """Your targets are two places on. What a position is asked for is the very next token."""
    n = max(0, (len(tokens) - 2) // length) * length
    return tokens[:n].reshape(-1, length), tokens[2 : n + 2].reshape(-1, length)


def weights_on_repeats(generator):
    """Causal weights of one head and of several on a string of 2 to 5 tokens, twice."""
    for n_heads, period in ((1, 2), (1, 3), (2, 4), (3, 5)):
        scores = torch.from_numpy(generator.normal(size=(n_heads, 2 * period, 2 * period)))
        future = torch.ones_like(scores, dtype=torch.bool).triu(1)
        yield scores.masked_fill(future, -torch.inf).softmax(dim=-1), period


@exercise("14.induction_score", inputs=weights_on_repeats)
def induction_score(weights, period):
    """From t >= period, one round back and one on: t - period + 1."""
    return weights.diagonal(1 - period, dim1=-2, dim2=-1)[..., 1:].mean(dim=-1)


@induction_score.mistake
def the_same_token(weights, period):
    """That is the weight on the *same* token, a round ago. It says where we have been before. What came next stands
    one place on."""
    return weights.diagonal(-period, dim1=-2, dim2=-1).mean(dim=-1)


@induction_score.mistake
def a_query_of_the_first_round(weights, period):
    """One query too many: position period - 1 is the last of the first round, where nothing has come back yet. Its
    entry lies on the same diagonal."""
    return weights.diagonal(1 - period, dim1=-2, dim2=-1).mean(dim=-1)


@induction_score.mistake
def divided_by_both_rounds(weights, period):
    """You divide by all positions. Only those of the second round have a round before them, so a perfect head would
    get a half from you."""
    return induction_score(weights, period) / 2


@induction_score.mistake
def one_number_for_all(weights, period):
    """You average over the heads too, and then nobody can say which of them it is. One number for each head is
    asked."""
    return induction_score(weights, period).mean()


def _places(period, first=None, last=None):
    return torch.arange(period if first is None else first, 2 * period if last is None else last)


@induction_score.mistake
def how_often_it_is_the_largest(weights, period):
    """You count how often that key gets the largest weight. The exercise asks for the weight itself, on average."""
    t = _places(period)
    return (weights[:, t].argmax(dim=-1) == t - period + 1).double().mean(dim=-1)


@induction_score.mistake
def queries_and_keys_exchanged(weights, period):
    """You exchanged the two axes: a row is a query and a column is a key, and the query comes later in the text."""
    t = _places(period)
    return weights[:, t - period + 1, t].mean(dim=-1)


@induction_score.mistake
def all_of_the_first_round(weights, period):
    """You add up all the weight that the second round gives to the first. Which one of its keys has what comes next?"""
    return weights[:, period:, :period].sum(dim=-1).mean(dim=-1)


@induction_score.mistake
def the_token_before_the_copy(weights, period):
    """You look at the token *before* the earlier copy. What came next stands one place after it."""
    t = _places(period, period + 1)
    return weights[:, t, t - period - 1].mean(dim=-1)


@induction_score.mistake
def two_after_the_copy(weights, period):
    """You look two places behind the earlier copy. What came next stands one place after it."""
    t = _places(period)
    return weights[:, t, t - period + 2].mean(dim=-1)


@induction_score.mistake(mean={"first": 0, "last": -1})
def the_axes_left_to_the_default(weights, period, *, mean):
    """Your diagonal, whose mean you take over the {mean} axis, runs over the wrong axes: `diagonal` takes the first two
    unless you say otherwise, and here they are heads and queries."""
    return weights.diagonal(1 - period).mean(dim=mean)


@induction_score.mistake
def a_sum(weights, period):
    """Your score grows with the period. To compare heads, and texts, take a mean over the queries."""
    return induction_score(weights, period) * period


@induction_score.mistake
def the_largest_weight(weights, period):
    """You take the largest weight of all queries. The exercise asks for their mean."""
    t = _places(period)
    return weights[:, t, t - period + 1].amax(dim=-1)


@induction_score.mistake
def the_first_query_left_out(weights, period):
    """You leave out the first query of the second round. It stands at position `period`, and its token has been there
    before, at position 0."""
    t = _places(period, period + 1)
    return weights[:, t, t - period + 1].mean(dim=-1)


@induction_score.mistake
def the_last_query_left_out(weights, period):
    """You leave out the last query. What follows its token in the first round is the first token of the second, and
    that has been read by then: it counts as well."""
    t = _places(period, last=2 * period - 1)
    return weights[:, t, t - period + 1].mean(dim=-1)


@induction_score.mistake
def the_token_just_before(weights, period):
    """You look at the token just before each query. A head of induction looks one whole round back, and one place
    on."""
    t = _places(period)
    return weights[:, t, t - 1].mean(dim=-1)


def tables(generator):
    """Equal tables of PyTorch's size and of GPT-2's, and tables that differ."""
    yield from ((4, 1.0, 1.0), (96, 1.0, 1.0), (768, 0.02, 0.02), (96, 1.0, 0.1), (64, 0.1, 1.0))


@exercise("14.own_logit", inputs=tables)
def own_logit(D, s, p):
    """The row dotted with itself is D s^2; the norm divides the sum of two rows by its deviation."""
    return D * s**2 / (s**2 + p**2) ** 0.5


@own_logit.mistake
def no_norm(D, s, p):
    """That is the dot product of the row with itself. Between the stream and the head stands a norm: what is the
    standard deviation of what comes in, and of what comes out?"""
    return D * s**2


@own_logit.mistake
def no_positions(D, s, p):
    """You let the norm divide by the deviation of the token's row alone. A position's row was added to it."""
    return D * s


@own_logit.mistake
def of_another_character(D, s, p):
    """That is the typical size of the logit of a *different* character, whose row has nothing to do with the stream: D
    products of random signs. The own row meets itself, and all its products are positive."""
    return D**0.5 * s


@own_logit.mistake
def deviations_added(D, s, p):
    """You added the two standard deviations. Of independent numbers, the variances add."""
    return D * s**2 / (s + p)


@own_logit.mistake
def divided_by_the_variance(D, s, p):
    """Your norm divides by the variance of its input. LayerNorm divides by the standard deviation."""
    return D * s**2 / (s**2 + p**2)


@own_logit.mistake
def the_position_is_compared_too(D, s, p):
    """You compare the whole stream with itself. The head knows the table of characters alone, so the position's row
    meets a row that it has nothing to do with."""
    return D * (s**2 + p**2) ** 0.5


@own_logit.mistake
def scaled_by_the_root(D, s, p):
    """A factor is the root of what it should be: the dot product adds D squares, and nothing takes the root of their
    number."""
    return D**0.5 * s**2 / (s**2 + p**2) ** 0.5


@own_logit.mistake
def the_tables_exchanged(D, s, p):
    """You have the two deviations exchanged. The head compares with the table of the tokens: which of the two letters
    belongs to it?"""
    return D * p**2 / (s**2 + p**2) ** 0.5


@own_logit.mistake
def for_equal_tables(D, s, p):
    """That is right where both tables have the same deviation. What does the norm divide by when they differ?"""
    return D * s / 2**0.5


@own_logit.mistake
def a_mean_for_the_sum(D, s, p):
    """D makes no difference to yours. A dot product *adds* D products, and does not average them."""
    return s**2 / (s**2 + p**2) ** 0.5


@own_logit.mistake
def the_stream_alone(D, s, p):
    """You divide by the deviation of the position's row alone. The stream is the sum of two rows."""
    return D * s**2 / p


cache_bytes = Question(
    "14.cache_bytes",
    37_748_736,
    hint="What is kept for one token in one layer, and in how many numbers? Then: how many layers, tokens, and bytes "
    "a number?",
    mistakes={
        18_874_368: "Half of it. Keys and values are both kept; or did a number of 16 bits take one byte?",
        75_497_472: "Twice too much: 16 bits are two bytes, and there are two things to keep, keys and values.",
        56_623_104: "You keep the queries as well. A later token asks with its own query, and never with an old one.",
        301_989_888: "Those are bits. A byte has eight of them.",
        37.748736: "That is in megabytes. The question asks for bytes.",
        36: "That is in MiB. The question asks for bytes.",
        3_145_728: "That is one layer's, or one head's. There are twelve of each: which of the two had you counted "
        "already?",
        452_984_832: "You count each head as wide as the model. The twelve heads share the 768 features.",
        36_864: "That is one token's. The whole context is to be kept.",
        201_326_592: "You kept the attention weights, a number for each pair of tokens. Those are made anew at each "
        "step and thrown away.",
    },
)
