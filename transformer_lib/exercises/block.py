"""Exercises of chapter 11: what a block is made of."""

import torch

from transformer_lib.exercises.engine import Question, exercise


def vectors_and_gains(generator):
    """One token of two features, a small spread, several tokens, a batch of two."""
    yield _double([[1.0, 3.0]]), _double([1.0, 1.0]), _double([0.0, 0.0])
    yield _double([[0.001, -0.001, 0.002]]), _double([1.0, 2.0, 3.0]), _double([1.0, 0.0, -1.0])
    for shape in ((3, 4), (2, 5, 6)):
        x = torch.from_numpy(generator.normal(2.0, 3.0, size=shape))
        yield x, torch.from_numpy(generator.normal(size=shape[-1])), torch.from_numpy(generator.normal(size=shape[-1]))


def _double(values):
    return torch.tensor(values, dtype=torch.float64)


EPS = 1e-5


def _normalised(x, axis=-1):
    variance, mean = torch.var_mean(x, axis, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + EPS)


@exercise("11.layer_norm", inputs=vectors_and_gains)
def layer_norm(x, weight, bias):
    """The mean and the variance are over the last axis, the features of one token."""
    return weight * _normalised(x) + bias


@layer_norm.mistake
def over_the_sequence(x, weight, bias):
    """You take the mean over the tokens of a sequence, one for each feature. Then a token's vector depends on what
    comes after it. What has one token of its own to take a mean of?"""
    return weight * _normalised(x, -2) + bias


@layer_norm.mistake
def over_the_whole_sentence(x, weight, bias):
    """You take one mean for all the tokens of a sequence together. Each token has a mean and a variance of its own."""
    return weight * _normalised(x, (-2, -1)) + bias


@layer_norm.mistake
def divided_by_n_minus_one(x, weight, bias):
    """Nearly. You divide the sum of squares by one less than the number of features, as one does to estimate the
    variance of a population from a sample. (It is what torch.var does unless told.) Here the features are all there
    are."""
    return weight * (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True) + EPS) + bias


@layer_norm.mistake
def divided_by_the_variance(x, weight, bias):
    """You divide by the variance, and the results come out too small or too large by the spread. Multiply x by 10: by
    how much does its spread grow, and by how much the variance?"""
    variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    return weight * (x - mean) / (variance + EPS) + bias


@layer_norm.mistake
def the_mean_left_in(x, weight, bias):
    """You divide by the right number, but do not take the mean away first, so the features do not add up to 0."""
    return weight * x / torch.sqrt(x.var(-1, correction=0, keepdim=True) + EPS) + bias


@layer_norm.mistake
def eps_outside_the_root(x, weight, bias):
    """Right where the features differ much. Where they hardly do, it shows that you add eps to the standard deviation;
    it belongs to the variance, under the root."""
    variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    return weight * (x - mean) / (torch.sqrt(variance) + EPS) + bias


@layer_norm.mistake
def eps_forgotten(x, weight, bias):
    """Right where the features differ much. Where they hardly do, you are missing the eps under the root; without it, a
    token whose features are all equal divides by 0."""
    variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    return weight * (x - mean) / torch.sqrt(variance) + bias


@layer_norm.mistake
def divided_by_x_std(x, weight, bias):
    """Close, but torch's std divides by one less than the number of features, unless it is told not to; and the eps
    under the root is missing, without which a token whose features are all equal divides by 0."""
    return weight * (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True) + bias


@layer_norm.mistake
def gain_and_shift_forgotten(x, weight, bias):
    """The normalising is right. Then each feature gets a learned gain and a learned shift."""
    return _normalised(x)


@layer_norm.mistake
def shift_forgotten(x, weight, bias):
    """The normalising and the gain are right. What becomes of the third argument?"""
    return weight * _normalised(x)


@layer_norm.mistake
def rms_norm(x, weight, bias):
    """You divide by the root of the mean square, and leave the mean in: that is RMSNorm, with a shift. LayerNorm
    centres first."""
    return weight * x / torch.sqrt(x.square().mean(-1, keepdim=True) + EPS) + bias


how_many_means = Question(
    "11.how_many_means",
    160,
    hint="A mean is taken over the features of one token. How many tokens are there in the batch, all sentences taken "
    "together?",
    mistakes={
        512: "One for each feature: that is BatchNorm, which averages over everything but the features.",
        8: "One for each sentence. Its tokens would share a mean, and each would depend on the others.",
        20: "That is one for each place of a sentence. The sentences of a batch do not share their means.",
        4096: "One for each feature of each sentence: that averages over the sequence, and so over the future.",
        1: "That is one for the whole batch. What would a sentence's vectors then depend on?",
        10240: "One for each place and feature: that averages over the sentences of the batch.",
        81920: "That is how many numbers there are. A mean of a single number is that number.",
    },
)


def widths(generator):
    """Tiny, the common four times, the base model of 2017, and odd sizes."""
    yield 2, 3
    yield 4, 16
    yield 512, 2048
    yield tuple(int(n) for n in generator.integers(3, 100, size=2))


@exercise("11.block_parameters", inputs=widths)
def block_parameters(d_model, d_ff):
    """Four square maps, a way up and a way down, each with its bias, and two norms of a gain and a shift each."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff) + 4 * d_model


def _square_maps(d_model, n):
    return n * (d_model * d_model + d_model)


def _up_and_down(d_model, d_ff):
    return 2 * d_model * d_ff + d_ff + d_model


@block_parameters.mistake
def output_projection_forgotten(d_model, d_ff):
    """You count queries, keys and values. What they bring together is mapped once more before it joins the stream."""
    return _square_maps(d_model, 3) + _up_and_down(d_model, d_ff) + 4 * d_model


@block_parameters.mistake
def biases_forgotten(d_model, d_ff):
    """The matrices are all there. Each of the six has a bias too, as long as its output."""
    return 4 * d_model**2 + 2 * d_model * d_ff + 4 * d_model


@block_parameters.mistake
def matrices_alone(d_model, d_ff):
    """The matrices are all there, and they are nearly everything. Each has a bias, and the norms have weights too."""
    return 4 * d_model**2 + 2 * d_model * d_ff


@block_parameters.mistake
def twelve_squares(d_model, d_ff):
    """That is the rule of thumb for matrices alone, with a network four times as wide as the stream. Here d_ff is free,
    and biases and norms count too."""
    return 12 * d_model**2


@block_parameters.mistake
def norms_forgotten(d_model, d_ff):
    """The two sublayers are right. Each has a norm, and a norm has a gain and a shift for each feature."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff)


@block_parameters.mistake
def half_of_the_norms(d_model, d_ff):
    """Your norms come to 2 d_model. There is one for each of the two residual connections, and each has a gain and a
    shift."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff) + 2 * d_model


@block_parameters.mistake
def both_biases_as_long_as_the_stream(d_model, d_ff):
    """You give both maps of the feed-forward network a bias of d_model. The first one's output is wider than that."""
    return _square_maps(d_model, 4) + 2 * d_model * d_ff + 2 * d_model + 4 * d_model


ffn_share = Question(
    "11.ffn_share",
    0.5,
    hint="Count matrices in units of d_model times d_model. How many such squares does attention hold, and how many "
    "the feed-forward network when it is twice as wide as the stream?",
    mistakes={
        2 / 3: "That is the share of a network four times as wide as the stream. This one is narrower.",
        1 / 3: "You count one of the two matrices of the feed-forward network: it has a way down, too.",
        4 / 7: "You count three matrices of attention. The fourth maps what the heads found back to the stream.",
        3 / 5: "You give the feed-forward network three matrices, as SwiGLU has. This one has two.",
        1: "As many as attention holds, yes. The question is what share of the whole that is.",
    },
)

gradient_through_six = Question(
    "11.gradient_through_six",
    1.1**6,
    hint="Each sublayer with its way around it multiplies the gradient. What is the derivative of x + f(x) where that "
    "of f is a tenth?",
    mistakes={
        1e-6: "That is what comes through the sublayers alone, one after the other. There is a way around each.",
        1.6: "You add up the paths that pass through no sublayer or one. There are paths through two, and more.",
        0.6: "You add up the six derivatives. What of the path that passes through none of them?",
        1.0: "That is the path around all six, and a good part of the answer. The paths through sublayers add to it.",
        1.1: "That is one sublayer with the way around it. There are six, one after the other.",
        64: "So many paths there are. They are not worth the same: each sublayer on a path makes it a tenth.",
        6.6: "You add the six factors. One stands after the other: what does the chain rule do with them?",
    },
)


def streams_and_layers(generator):
    """No layer, one, several."""
    yield _double([[1.0, -1.0]]), []
    yield _double([[1.0, 3.0]]), [_double([[0.0, 2.0], [1.0, 0.0]])]
    yield _double([[0.0, 1.0, 2.0], [2.0, 0.0, -4.0]]), [_double([[1, 2, 0], [0, 1, 0], [3, 0, 1]])]
    yield torch.from_numpy(generator.normal(size=(3, 4))), list(torch.from_numpy(generator.normal(size=(3, 4, 4))))


@exercise("11.pre_norm_stack", inputs=streams_and_layers)
def pre_norm_stack(x, weights):
    """Each sublayer reads a normalised copy of the stream; what leaves at the end is normalised too."""
    for W in weights:
        x = x + _normalised(x) @ W
    return _normalised(x)


@pre_norm_stack.mistake
def post_norm(x, weights):
    """That is post-norm: you normalise the sum, so the stream is made anew at each sublayer. Where does the norm stand
    if the stream is only ever added to?"""
    for W in weights:
        x = _normalised(x + x @ W)
    return x


@pre_norm_stack.mistake
def the_stream_normalised_too(x, weights):
    """You normalise the stream itself before each sublayer, and add to that. Only the copy that the sublayer reads is
    normalised."""
    for W in weights:
        x = _normalised(x)
        x = x + x @ W
    return _normalised(x)


@pre_norm_stack.mistake
def last_norm_forgotten(x, weights):
    """All but the end. The stream has grown with each sublayer, and nothing has normalised what leaves: a pre-norm
    stack needs one norm more than it has sublayers."""
    for W in weights:
        x = x + _normalised(x) @ W
    return x


@pre_norm_stack.mistake
def no_residual(x, weights):
    """You replace the stream by what the sublayer says. It should be added to what was there."""
    for W in weights:
        x = _normalised(x) @ W
    return _normalised(x)


@pre_norm_stack.mistake
def side_by_side(x, weights):
    """All your sublayers read the stream as it was at the bottom. Each should read what those below have written."""
    return _normalised(x + sum(_normalised(x) @ W for W in weights))


@pre_norm_stack.mistake
def output_normalised(x, weights):
    """You normalise what the sublayer writes. Pre-norm normalises what it reads."""
    for W in weights:
        x = x + _normalised(x @ W)
    return _normalised(x)
