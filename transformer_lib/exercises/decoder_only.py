"""Exercises of chapter 14: what a GPT is made of, what it is asked, what its heads do, and what it costs."""

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
    """You are short of two vectors, once and for all layers together. Pre-norm never normalises the stream itself:
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


def texts_to_cut(generator):
    """A text with nothing left over, with one token too few for another window, and longer ones."""
    for n, length in ((3, 2), (4, 2), (5, 2), (9, 4), (12, 4), (30, 7)):
        yield torch.from_numpy(generator.permutation(n) + 10), length


@exercise("14.inputs_and_targets", inputs=texts_to_cut)
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


def losses_and_prefixes(generator):
    """A prefix of one token, one that fills the window, and batches of different prefixes; no two losses are equal."""
    for lengths, T in (([1], 2), ([2], 3), ([3, 1], 4), ([4, 4], 4), ([2, 6, 5], 7)):
        yield torch.from_numpy(generator.uniform(1, 3, size=(len(lengths), T))), torch.tensor(lengths)


@exercise("14.suffix_loss", inputs=losses_and_prefixes)
def suffix_loss(nats, prefix_lengths):
    """The last position of the prefix is asked for the first token after it."""
    scored = torch.arange(nats.shape[1]) >= prefix_lengths[:, None] - 1
    return nats[scored].mean()


def _after(nats, prefix_lengths, shift):
    return torch.arange(nats.shape[1]) >= prefix_lengths[:, None] + shift


@suffix_loss.mistake
def first_answer_left_out(nats, prefix_lengths):
    """You start one position late. The last token of the prefix stands at position p - 1, and is asked for one that it
    has not seen."""
    scored = _after(nats, prefix_lengths, 0)
    return nats[scored].mean() if scored.any() else torch.tensor(torch.nan)


@suffix_loss.mistake
def one_answer_was_shown(nats, prefix_lengths):
    """You start one position early. Position p - 2 is asked for the token at p - 1, which stands in the prefix, in
    full view."""
    return nats[_after(nats, prefix_lengths, -2)].mean()


@suffix_loss.mistake
def everything_is_scored(nats, prefix_lengths):
    """The prefix makes no difference to yours. Inside it every position but the last can see its answer, and a loss
    that counts those looks better than it is."""
    return nats.mean()


@suffix_loss.mistake
def the_prefix_is_scored(nats, prefix_lengths):
    """You score the positions whose answers were shown, or the prefix's last, and leave out what was to be written."""
    return nats[~_after(nats, prefix_lengths, 0)].mean()


@suffix_loss.mistake
def every_row_alike(nats, prefix_lengths):
    """You average each row and then the rows, so that a target counts for more where the prefix is long. Asked is the
    mean over all targets."""
    scored = _after(nats, prefix_lengths, -1)
    return torch.stack([row[seen].mean() for row, seen in zip(nats, scored, strict=True)]).mean()


@suffix_loss.mistake
def zeros_averaged_in(nats, prefix_lengths):
    """You set the shown targets to 0 and divide by all of them. The longer the prefix, the better your model looks."""
    return (nats * _after(nats, prefix_lengths, -1)).mean()


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


def prompts_and_lengths(generator):
    """One token after one, several after one, one after several, several after several."""
    yield 1, 1, 1
    yield 1, 3, 2
    yield 4, 1, 2
    yield 3, 4, 2
    yield 100, 50, 64


def _block(n, S, D):
    return 24 * n * D**2 + 4 * n * S * D


@exercise("14.written_flops", inputs=prompts_and_lengths)
def written_flops(prompt, new, D):
    """The prompt at once, which gives the first token; then each token but the last, on its own."""
    return _block(prompt, prompt, D) + sum(_block(1, prompt + i, D) for i in range(1, new))


@written_flops.mistake
def the_last_is_read_too(prompt, new, D):
    """You have the block read the last token that was written. After it nobody asks for another: how many passes are
    there, when reading the prompt gives the first new token?"""
    return _block(prompt, prompt, D) + sum(_block(1, prompt + i, D) for i in range(1, new + 1))


@written_flops.mistake
def no_cache(prompt, new, D):
    """Yours reads everything again for each new token. With a cache the keys and values are there: only the newest
    token passes through the maps."""
    return sum(_block(prompt + i, prompt + i, D) for i in range(new))


@written_flops.mistake
def keys_that_do_not_grow(prompt, new, D):
    """Your new tokens attend to the prompt alone. Each also sees what was written since, itself included."""
    return _block(prompt, prompt, D) + (new - 1) * _block(1, prompt, D)


@written_flops.mistake
def not_itself(prompt, new, D):
    """Each of your new tokens sees one key too few. Its own key is appended before it asks, and it may see itself."""
    return _block(prompt, prompt, D) + sum(_block(1, prompt + i - 1, D) for i in range(1, new))


@written_flops.mistake
def the_prompt_for_nothing(prompt, new, D):
    """The prompt costs nothing in yours. Before the first token can be written, somebody must read it."""
    return sum(_block(1, prompt + i, D) for i in range(1, new))


@written_flops.mistake
def all_at_once(prompt, new, D):
    """You let all tokens in at once, as in training. The new ones are not there yet: each has to be written before it
    can be read, and sees only what stands before it."""
    return _block(prompt + new - 1, prompt + new - 1, D)


cache_bytes = Question(
    "14.cache_bytes",
    37_748_736,
    hint="What is kept for one token in one layer, and in how many numbers? Then: how many layers, tokens, and bytes "
    "a number?",
    mistakes={
        18_874_368: "Half of it. Keys and values are both kept; or did a number of 16 bits take one byte?",
        75_497_472: "Twice too much: 16 bits are two bytes, and there are two things to keep, keys and values.",
        3_145_728: "That is one layer's. Each layer has keys and values of its own.",
        452_984_832: "You count each head as wide as the model. The twelve heads share the 768 features.",
        36_864: "That is one token's. The whole context is to be kept.",
        201_326_592: "You kept the attention weights, a number for each pair of tokens. Those are made anew at each "
        "step and thrown away.",
    },
)
