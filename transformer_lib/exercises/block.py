"""Exercises of chapter 11: what a block is made of."""

import math

import torch

from transformer_lib.exercises.engine import Question, exercise

EPS = 1e-5


def _double(values):
    return torch.tensor(values, dtype=torch.float64)


def _normalized(x, axis=-1):
    variance, mean = torch.var_mean(x, axis, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + EPS)


def vectors_and_heads(generator):
    """One token with two heads, a small spread, several tokens, a batch of two, and a single head."""
    yield _double([[1.0, 3.0, 10.0, 50.0]]), 2
    yield _double([[0.001, -0.001, 0.002, 0.0]]), 2
    for shape, n_heads in (((3, 12), 3), ((2, 5, 8), 2), ((3, 4), 1)):
        yield torch.from_numpy(generator.normal(2.0, 3.0, size=shape)), n_heads


def _in_slices(x, n_heads):
    return x.reshape(*x.shape[:-1], n_heads, -1)


@exercise("11.norm_per_head", inputs=vectors_and_heads)
def norm_per_head(x, n_heads):
    """Cut the features into an axis of heads and an axis of features per head, and normalize over the latter."""
    return _normalized(_in_slices(x, n_heads)).reshape(x.shape)


@norm_per_head.mistake
def the_whole_token(x, n_heads):
    """You normalize all features of a token together, which is LayerNorm without gain and shift. Here each head has a
    mean and a variance of its own."""
    return _normalized(x)


@norm_per_head.mistake
def every_nth_feature(x, n_heads):
    """You normalize the right number of features at a time, but not neighbors: your heads are every n-th feature. In
    which order do the two new axes have to stand, so that a head is a slice?"""
    return _normalized(x.reshape(*x.shape[:-1], -1, n_heads), -2).reshape(x.shape)


@norm_per_head.mistake
def heads_and_features_exchanged(x, n_heads):
    """Your slices are as many features wide as there should be slices. Which of the two numbers is n_heads: how many
    slices there are, or how wide each of them is?"""
    if x.shape[-1] == 4:
        return _normalized(x.reshape(*x.shape[:-1], -1, n_heads)).reshape(x.shape)
    return _normalized(x.reshape(*x.shape[:-1], x.shape[-1] // n_heads, n_heads)).reshape(x.shape)


@norm_per_head.mistake
def over_the_heads(x, n_heads):
    """The slices are right, but you take the mean over the heads, one for each place in a slice. The mean of a head is
    taken over its own features."""
    return _normalized(_in_slices(x, n_heads), -2).reshape(x.shape)


@norm_per_head.mistake
def over_the_tokens(x, n_heads):
    """You take the mean over the tokens, one for each feature, so that a token depends on those after it."""
    return _normalized(x, -2)


@norm_per_head.mistake
def one_mean_for_all_tokens(x, n_heads):
    """The slices are right, but all tokens of a sequence share your means. Each token has means of its own, one per
    head."""
    return _normalized(_in_slices(x, n_heads), (-3, -1)).reshape(x.shape)


@norm_per_head.mistake
def not_joined_again(x, n_heads):
    """The numbers are right. The result should have the shape of x, with the heads side by side again."""
    return _normalized(_in_slices(x, n_heads))


@norm_per_head.mistake
def divided_by_n_minus_one(x, n_heads):
    """Nearly right. You divide the sum of squares by one less than the number of features, as one does to estimate the
    variance of a population from a sample. (torch.var does so unless told otherwise.) Here the features are all there
    are."""
    h = _in_slices(x, n_heads)
    return ((h - h.mean(-1, keepdim=True)) / torch.sqrt(h.var(-1, keepdim=True) + EPS)).reshape(x.shape)


@norm_per_head.mistake
def divided_by_the_variance(x, n_heads):
    """You divide by the variance. Multiply x by 10: by how much does the spread of its features grow, and by how much
    their variance?"""
    variance, mean = torch.var_mean(_in_slices(x, n_heads), -1, correction=0, keepdim=True)
    return ((_in_slices(x, n_heads) - mean) / (variance + EPS)).reshape(x.shape)


@norm_per_head.mistake
def the_mean_left_in(x, n_heads):
    """You divide by the right number but do not subtract the mean first, so the features of a head do not add up to
    0."""
    h = _in_slices(x, n_heads)
    return (h / torch.sqrt(h.var(-1, correction=0, keepdim=True) + EPS)).reshape(x.shape)


@norm_per_head.mistake
def eps_forgotten(x, n_heads):
    """Your result is right where the features of a head differ much. Where they hardly differ, the eps under the root
    is missing, and a head whose features are all equal would be divided by 0."""
    variance, mean = torch.var_mean(_in_slices(x, n_heads), -1, correction=0, keepdim=True)
    return ((_in_slices(x, n_heads) - mean) / torch.sqrt(variance)).reshape(x.shape)


@norm_per_head.mistake
def root_mean_square(x, n_heads):
    """You divide by the root of the mean square and subtract no mean: that is RMSNorm, head by head. The features of a
    head should add up to 0 here."""
    h = _in_slices(x, n_heads)
    return (h / torch.sqrt(h.square().mean(-1, keepdim=True) + EPS)).reshape(x.shape)


@norm_per_head.mistake
def mean_square_for_the_variance(x, n_heads):
    """You subtract the mean, and then divide by the root of the mean square of what was there *before*. The variance is
    the mean square of what is left when the mean is gone."""
    h = _in_slices(x, n_heads)
    return ((h - h.mean(-1, keepdim=True)) / torch.sqrt(h.square().mean(-1, keepdim=True) + EPS)).reshape(x.shape)


@norm_per_head.mistake
def only_centered(x, n_heads):
    """You subtract the mean of each head and do not divide. Its variance should be 1 afterward."""
    h = _in_slices(x, n_heads)
    return (h - h.mean(-1, keepdim=True)).reshape(x.shape)


@norm_per_head.mistake
def three_axes_expected(x, n_heads):
    """Yours works for an x of three axes. The exercise says (…, D): there may be fewer axes before the features, or
    more. Which method cuts the *last* axis in two and leaves the others as they are?"""
    if x.ndim != 3:
        raise ValueError(f"not enough values to unpack (expected 3, got {x.ndim})")
    return norm_per_head(x, n_heads)


@norm_per_head.mistake
def eps_outside_the_root(x, n_heads):
    """Your eps is added to the standard deviation. It belongs under the root, to the variance: where the features of a
    head hardly differ, that is not the same."""
    variance, mean = torch.var_mean(_in_slices(x, n_heads), -1, correction=0, keepdim=True)
    return ((_in_slices(x, n_heads) - mean) / (torch.sqrt(variance) + EPS)).reshape(x.shape)


@norm_per_head.mistake(eps={"1e-6": 1e-6, "1e-8": 1e-8, "1e-3": 1e-3})
def another_eps(x, n_heads, *, eps):
    """Your eps is {eps}, so that a head whose features hardly differ comes out in another size. Which one does the
    exercise give?"""
    variance, mean = torch.var_mean(_in_slices(x, n_heads), -1, correction=0, keepdim=True)
    return ((_in_slices(x, n_heads) - mean) / torch.sqrt(variance + eps)).reshape(x.shape)


@norm_per_head.mistake
def the_variance_of_the_whole_token(x, n_heads):
    """The means are right, one for each head, and you divide by the standard deviation of the *whole* token. A head has
    its own variance, too."""
    h, variance = _in_slices(x, n_heads), x.var(-1, correction=0, keepdim=True)[..., None]
    return ((h - h.mean(-1, keepdim=True)) / torch.sqrt(variance + EPS)).reshape(x.shape)


@norm_per_head.mistake
def the_mean_of_the_whole_token(x, n_heads):
    """The variances are right, one for each head, and you subtract the mean of the *whole* token. A head has its own
    mean, too."""
    h, mean = _in_slices(x, n_heads), x.mean(-1, keepdim=True)[..., None]
    return ((h - mean) / torch.sqrt(h.var(-1, correction=0, keepdim=True) + EPS)).reshape(x.shape)


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
        320: "You counted the variances as well. The question asks for the means.",
        1280: "That is one for each head of each token. LayerNorm knows nothing of heads.",
        28: "You added the two numbers. How many tokens are there in eight sentences of twenty?",
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
    """You are short of four vectors of the stream's width. Either the norms are missing, each with a gain and a shift
    for each feature, or the biases of the four maps of attention."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff)


@block_parameters.mistake
def half_of_the_norms(d_model, d_ff):
    """Your norms come to 2 d_model. There is one for each of the two residual connections, and each has a gain and a
    shift."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff) + 2 * d_model


@block_parameters.mistake
def both_biases_as_wide_as_the_network(d_model, d_ff):
    """You give both maps of the feed-forward network a bias of d_ff. The second one's output is as wide as the
    stream."""
    return _square_maps(d_model, 4) + 2 * d_model * d_ff + 2 * d_ff + 4 * d_model


@block_parameters.mistake
def both_biases_as_long_as_the_stream(d_model, d_ff):
    """You give both maps of the feed-forward network a bias of d_model. The first one's output is wider than that."""
    return _square_maps(d_model, 4) + 2 * d_model * d_ff + 2 * d_model + 4 * d_model


@block_parameters.mistake
def a_norm_as_wide_as_the_network(d_model, d_ff):
    """One of your norms is as wide as the network. Both stand in the stream, before a sublayer or after it, and the
    stream is d_model wide."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff) + 2 * d_model + 2 * d_ff


@block_parameters.mistake
def a_gain_and_a_shift_of_one_number(d_model, d_ff):
    """Each of your norms has one number for its gain and one for its shift. LayerNorm learns a gain and a shift *for
    each feature*."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff) + 4


@block_parameters.mistake
def a_gain_alone_and_a_single_norm(d_model, d_ff):
    """Your norms come to d_model in all. There are two of them, and each has a gain and a shift."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff) + d_model


@block_parameters.mistake
def three_norms(d_model, d_ff):
    """Your norms come to 6 d_model. There is one for each of the two sublayers; a last one after all blocks belongs to
    none of them."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff) + 6 * d_model


@block_parameters.mistake
def no_biases_in_the_network(d_model, d_ff):
    """Attention is right with its biases, and the norms. The two maps of the feed-forward network have biases in this
    exercise, as well."""
    return _square_maps(d_model, 4) + 2 * d_model * d_ff + 4 * d_model


@block_parameters.mistake
def a_third_matrix_in_the_network(d_model, d_ff):
    """You give the feed-forward network three matrices, as a gated one has. This one has a way up and a way down."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff) + d_model * d_ff + 4 * d_model


@block_parameters.mistake
def one_way_of_the_network(d_model, d_ff):
    """You count one of the two matrices of the feed-forward network. It goes up to d_ff, and down again."""
    return _square_maps(d_model, 4) + _up_and_down(d_model, d_ff) - d_model * d_ff + 4 * d_model


@block_parameters.mistake
def a_second_attention(d_model, d_ff):
    """You count attention twice. This block has one attention and one feed-forward network."""
    return _square_maps(d_model, 8) + _up_and_down(d_model, d_ff) + 4 * d_model


ffn_share = Question(
    "11.ffn_share",
    0.5,
    hint="Count matrices in units of d_model times d_model. How many such squares does attention hold, and how many "
    "the feed-forward network when it is twice as wide as the stream?",
    mistakes={
        2
        / 3: "That is the share of a network four times as wide as the stream. This one is narrower. (Or did you count "
        "half of attention's four maps?)",
        1 / 3: "You count one of the two matrices of the feed-forward network: it has a way down, too.",
        4 / 7: "You count three matrices of attention. The fourth maps what the heads found back to the stream.",
        3 / 5: "You give the feed-forward network three matrices, as SwiGLU has. This one has two.",
        0.8: "Either you count 16 squares for the network, or a single matrix for attention. How many squares are in "
        "two "
        "matrices that are twice as long as they are wide? And how many maps has attention?",
        0.25: "You count one square for the network and three for attention, or something like it. The network's two "
        "matrices are twice as long as they are wide, and attention has four maps.",
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
        1.1**5: "That is five sublayers. How many factors are there for six?",
        1.1**7: "That is seven sublayers. How many factors are there for six?",
        1.1
        ** 12: "You counted two for each of the six. A sublayer is an attention *or* a feed-forward network, and there "
        "are six sublayers in all.",
        1.1**3: "You counted three. A sublayer is an attention *or* a feed-forward network, and there are six of them.",
        math.exp(0.6): "You took e to the power of 0.6, which is near for small numbers. Take the factors themselves.",
        0.9
        ** 6: "You let each sublayer take a tenth away. The path around it leaves everything, and the path through it "
        "adds a tenth.",
        1.11111: "You add a tenth, a hundredth, and so on. Each of the six has a way around and a way through, and "
        "they "
        "stand one after the other.",
        0.1: "That is what one sublayer lets through. There is a way around it.",
        64: "So many paths there are. They are not worth the same: each sublayer on a path makes it a tenth.",
        6.6: "You add the six factors. One stands after the other: what does the chain rule do with them?",
        1.1**6 - 1: "That is by how much it is longer. The factor counts the path around all six, too.",
        1.1**-6: "That is how much shorter the gradient at the top is. Which of the two has passed through all six?",
    },
)


def tokens_and_layers(generator):
    """No sublayer, one, several; the readout is not symmetric in the features."""
    yield _double([1.0, -1.0]), [], _double([3.0, 1.0])
    yield _double([1.0, 3.0]), [_double([[0.0, 2.0], [1.0, 0.0]])], _double([1.0, 2.0])
    yield (
        _double([2.0, 0.0, -4.0]),
        [_double([[1, 2, 0], [0, 1, 0], [3, 0, 1]]), _double([[0, 1, 1], [2, 0, 0], [0, 1, 3]])],
        _double([1.0, 0.0, 5.0]),
    )
    yield (
        torch.from_numpy(generator.normal(size=4)),
        list(torch.from_numpy(generator.normal(size=(3, 4, 4)))),
        torch.from_numpy(generator.normal(size=4)),
    )


def _written(x, weights):
    """What is added to the stream, x_0 first."""
    parts = [x]
    for W in weights:
        parts.append(_normalized(sum(parts)) @ W)
    return torch.stack(parts)


@exercise("11.who_wrote_it", inputs=tokens_and_layers)
def who_wrote_it(x, weights, readout):
    """Collect x_0 and what each sublayer writes, and take the dot product of each with the readout."""
    return _written(x, weights) @ readout


@who_wrote_it.mistake
def the_stream_so_far(x, weights, readout):
    """You read out the stream after each sublayer. Each of your numbers holds all parts so far: which one is new?"""
    return _written(x, weights).cumsum(0) @ readout


@who_wrote_it.mistake
def the_bottom_left_out(x, weights, readout):
    """Your parts are those of the sublayers. What the stream began with is a part of the sum, too, and comes first."""
    return _written(x, weights)[1:] @ readout


@who_wrote_it.mistake
def only_the_sum(x, weights, readout):
    """That is the answer of the whole stream. It is a sum of one number for the bottom and one for each sublayer, and
    those are what the question asks for."""
    return _written(x, weights).sum(0) @ readout


@who_wrote_it.mistake
def side_by_side(x, weights, readout):
    """All your sublayers read the stream as it was at the bottom. Each should also read what those below have
    written."""
    return torch.stack([x, *(_normalized(x) @ W for W in weights)]) @ readout


@who_wrote_it.mistake
def one_after_the_other(x, weights, readout):
    """Each of your sublayers reads only what the one below has written. It should read the whole stream, to which that
    was added."""
    parts = [x]
    for W in weights:
        parts.append(_normalized(parts[-1]) @ W)
    return torch.stack(parts) @ readout


@who_wrote_it.mistake
def not_normalized(x, weights, readout):
    """Your sublayers read the stream as it is. In a pre-norm block, what do they read?"""
    parts = [x]
    for W in weights:
        parts.append(sum(parts) @ W)
    return torch.stack(parts) @ readout


@who_wrote_it.mistake
def the_output_normalized(x, weights, readout):
    """You normalize what the sublayer writes. Pre-norm normalizes what it reads."""
    parts = [x]
    for W in weights:
        parts.append(_normalized(sum(parts) @ W))
    return torch.stack(parts) @ readout


@who_wrote_it.mistake
def the_stream_normalized(x, weights, readout):
    """You normalize the stream itself before each sublayer. Only the copy that the sublayer reads is normalized."""
    stream, parts = x, [x]
    for W in weights:
        stream = _normalized(stream)
        parts.append(stream @ W)
        stream = stream + parts[-1]
    return torch.stack(parts) @ readout


@who_wrote_it.mistake
def the_other_side_of_the_matrix(x, weights, readout):
    """You multiply by the matrix from the other side. Here a vector is a row, and the matrix comes after it."""
    return _written(x, [W.T for W in weights]) @ readout


@who_wrote_it.mistake
def not_read_out(x, weights, readout):
    """Your parts are right, but they are vectors. How much does the readout find in each of them?"""
    return _written(x, weights)


@who_wrote_it.mistake
def post_norm(x, weights, readout):
    """You add and normalize after it: that is post-norm, in which the norm's output goes on, and nothing of the sum
    stays as it was. In a pre-norm block, what does the norm act on?"""
    stream, parts = x, [x]
    for W in weights:
        parts.append(stream @ W)
        stream = _normalized(stream + parts[-1])
    return torch.stack(parts) @ readout


@who_wrote_it.mistake
def the_variance_of_a_sample(x, weights, readout):
    """Your norm divides the sum of squares by one less than the number of features. (torch.var does so unless told
    otherwise.) LayerNorm divides by all of them."""
    parts = [x]
    for W in weights:
        stream = sum(parts)
        parts.append((stream - stream.mean()) / torch.sqrt(stream.var() + EPS) @ W)
    return torch.stack(parts) @ readout


@who_wrote_it.mistake
def no_mean_subtracted(x, weights, readout):
    """Your norm divides by the root of the mean square and subtracts no mean, as RMSNorm does. LayerNorm subtracts the
    mean first."""
    parts = [x]
    for W in weights:
        stream = sum(parts)
        parts.append(stream / torch.sqrt(stream.square().mean() + EPS) @ W)
    return torch.stack(parts) @ readout


@who_wrote_it.mistake
def the_parts_normalized(x, weights, readout):
    """You normalize each part before you read it out. The parts of the stream are to be read as they are, so that they
    add up to what the whole stream says."""
    return _normalized(_written(x, weights)) @ readout


@who_wrote_it.mistake
def the_stream_so_far_without_its_bottom(x, weights, readout):
    """You read out the stream after each sublayer, so that each of your numbers holds all parts so far. What is new in
    it? And the bottom is a part as well."""
    return _written(x, weights).cumsum(0)[1:] @ readout


@who_wrote_it.mistake
def as_shares_of_the_whole(x, weights, readout):
    """You divide by the whole answer. The exercise asks for the numbers that add up to it."""
    parts = _written(x, weights) @ readout
    return parts / parts.sum()


def shares_and_sublayers(_):
    """One layer, one sublayer, the eighteen layers of the lab, and a long stack."""
    yield 0.5, 2
    yield 0.8, 1
    yield 0.5, 36
    yield 0.9, 80


@exercise(
    "11.write_scale",
    inputs=shares_and_sublayers,
    rtol=1e-3,
    hint="What is the variance of the sum when a vector of size alpha is added to an unrelated one of size 1? By what "
    "does the norm then divide, and how often does that happen?",
)
def write_scale(kept, n):
    """Each sublayer divides x_0 by the root of 1 + α², so the whole stack leaves (1 + α²) to the power −n/2."""
    return math.sqrt(kept ** (-2 / n) - 1)


@write_scale.mistake
def lengths_added(kept, n):
    """You add lengths, as if what is written pointed the way of what was there. It has nothing to do with it: what
    adds up then?"""
    return kept ** (-1 / n) - 1


@write_scale.mistake
def the_root_forgotten(kept, n):
    """You have the square of alpha. The variance of what is written is its size, squared."""
    return kept ** (-2 / n) - 1


@write_scale.mistake
def a_share_of_the_variance(kept, n):
    """You keep that share of the *variance* that x_0 has in the stream (or you count two sublayers where there is one).
    The question is about the number by which x_0 is multiplied, and n counts sublayers."""
    return math.sqrt(kept ** (-1 / n) - 1)


@write_scale.mistake
def for_small_alpha_alone(kept, n):
    """You replace 1 + α² by the exponential of α², which is close when α is small. With few sublayers it is not small:
    keep 1 + α², and solve for α."""
    return math.sqrt(-2 * math.log(kept) / n)


@write_scale.mistake
def layers_instead_of_sublayers(kept, n):
    """You divide once per layer. There are two sublayers in a layer, n of them in all, and each has its norm."""
    return math.sqrt(kept ** (-4 / n) - 1)


@write_scale.mistake
def one_sublayer_alone(kept, n):
    """That is right for a single sublayer. What is left after each of them is divided again by the next."""
    return math.sqrt(kept**-2 - 1)


@write_scale.mistake
def nothing_divided_on_the_way(kept, n):
    """You add up n variances and divide once, at the top. That is how a pre-norm stream is diluted; post-norm divides
    after every sublayer."""
    return math.sqrt((kept**-2 - 1) / n)


@write_scale.mistake
def the_share_per_sublayer(kept, n):
    """You have the number by which one sublayer multiplies x_0. Which alpha does that?"""
    return kept ** (1 / n)


@write_scale.mistake
def the_stream_weakened(kept, n):
    """You keep the variance at 1 by weakening the stream to make room. Here the stream is added as it is, something of
    size alpha beside it, and the norm divides afterward: by what?"""
    return math.sqrt(1 - kept ** (2 / n))


@write_scale.mistake
def the_weight_of_what_was_written(kept, n):
    """You let what was *written* have the weight `kept`, and x_0 the rest. Which of the two should keep it?"""
    return math.sqrt((1 - kept) ** (-2 / n) - 1)


@write_scale.mistake
def the_power_for_the_root(kept, n):
    """You took a power where a root belongs. After n divisions by the same number x_0 has the weight `kept`: which
    number is that?"""
    return math.sqrt(kept ** (-2 * n) - 1)


@write_scale.mistake
def the_stream_itself_not_taken_off(kept, n):
    """You have the number by which each norm divides. It is the size of a sum: what is left for alpha, when the stream
    itself has size 1?"""
    return kept ** (-1 / n)


@write_scale.mistake
def what_is_left_shared_out(kept, n):
    """You share the loss out evenly over the sublayers, as a sum. Each norm divides what the last one has left, so the
    numbers multiply."""
    return (1 - kept) / n
