"""Exercises of chapter 16: the parts of a LLaMA, what its cache weighs, how its weights are stored, and its groups."""

import numpy as np
import torch

from transformer_lib.exercises.engine import Question, exercise


def vectors_gains_and_eps(generator):
    """Vectors of zeros, small enough for eps to count, and away from mean 0; eps large enough to be seen."""
    for shape, size, eps in (((2,), 0.0, 0.25), ((1, 3), 0.5, 0.25), ((2, 4), 2.0, 0.5), ((2, 3, 5), 1.0, 0.04)):
        x = torch.from_numpy(size * (generator.normal(size=shape) + 1))
        yield x, torch.from_numpy(generator.uniform(0.5, 2, size=shape[-1])), eps


@exercise("16.rms_norm", inputs=vectors_gains_and_eps)
def rms_norm(x, weight, eps):
    """Divide by the root of (mean square + eps)."""
    return weight * x / torch.sqrt(x.square().mean(dim=-1, keepdim=True) + eps)


@rms_norm.mistake
def eps_outside_the_root(x, weight, eps):
    """Your eps is added after the root. In the formula it stands under it, beside the mean square: a root of eps is
    what a vector of zeros is divided by."""
    return weight * x / (x.square().mean(dim=-1, keepdim=True).sqrt() + eps)


@rms_norm.mistake
def eps_left_out(x, weight, eps):
    """Yours does not depend on eps. A vector of zeros is divided by 0."""
    return weight * x / x.square().mean(dim=-1, keepdim=True).sqrt()


@rms_norm.mistake
def the_mean_taken_away(x, weight, eps):
    """You take the mean away first. That is LayerNorm, but for its shift; what does RMSNorm leave out?"""
    centred = x - x.mean(dim=-1, keepdim=True)
    return weight * centred / torch.sqrt(centred.square().mean(dim=-1, keepdim=True) + eps)


@rms_norm.mistake
def the_standard_deviation(x, weight, eps):
    """You divide by the standard deviation, in which the mean has been taken away. RMSNorm never asks for the mean."""
    return weight * x / torch.sqrt(x.var(dim=-1, keepdim=True, correction=0) + eps)


@rms_norm.mistake
def the_length(x, weight, eps):
    """You divide by the length: a sum of squares under the root, where the mean stands. The wider the model, the
    smaller your features."""
    return weight * x / torch.sqrt(x.square().sum(dim=-1, keepdim=True) + eps)


@rms_norm.mistake
def the_length_over_the_width(x, weight, eps):
    """You divide by the length over the width. The mean of the *squares* is taken first, and its root afterward, so the
    width belongs under the root."""
    return weight * x / (x.square().sum(dim=-1, keepdim=True).sqrt() / x.shape[-1] + eps)


@rms_norm.mistake
def all_tokens_together(x, weight, eps):
    """One size for all tokens: yours lets them see each other. Each vector is divided by its own."""
    return weight * x / torch.sqrt(x.square().mean() + eps)


@rms_norm.mistake
def no_gain(x, weight, eps):
    """Your features all have one size. Where does the learned gain come in?"""
    return x / torch.sqrt(x.square().mean(dim=-1, keepdim=True) + eps)


def widths_to_match(generator):
    """Widths that divide and that do not; LLaMA 7B is 4 x 4,096 in steps of 256."""
    yield 12, 1
    yield 16, 4
    yield 100, 8
    yield 25, 8
    yield 512, 32
    yield 3072, 64
    yield 4 * 4096, 256


@exercise("16.swiglu_width", inputs=widths_to_match)
def swiglu_width(d_ff, multiple):
    """Two thirds, rounded up to a multiple."""
    return -(-2 * d_ff // (3 * multiple)) * multiple


@swiglu_width.mistake
def two_matrices(d_ff, multiple):
    """Yours is as wide as before. Count the matrices of a SwiGLU: at the old width it has half as many weights
    again."""
    return -(-d_ff // multiple) * multiple


@swiglu_width.mistake
def half_as_wide(d_ff, multiple):
    """You halve the width. That would be right if there were four matrices in place of two."""
    return -(-d_ff // (2 * multiple)) * multiple


@swiglu_width.mistake
def eight_thirds_of_the_wrong_width(d_ff, multiple):
    """You take 8/3, which is of the *model's* width: two thirds of four times it. What you are given is the four times
    already."""
    return -(-8 * d_ff // (3 * multiple)) * multiple


@swiglu_width.mistake
def one_step_too_far(d_ff, multiple):
    """Where two thirds come out even, or nearly, yours is a whole step too wide. Rounding up leaves a multiple as it
    is."""
    return (2 * d_ff // (3 * multiple) + 1) * multiple


@swiglu_width.mistake
def rounded_down(d_ff, multiple):
    """You round down, so that the network comes out smaller than the one it is compared with, where it does not come
    out even."""
    return 2 * d_ff // (3 * multiple) * multiple


@swiglu_width.mistake
def fraction_dropped_first(d_ff, multiple):
    """You drop the fraction of two thirds before you round up, as LLaMA's own code does. Where two thirds lie just
    above a multiple, that makes the network a little smaller than the one it is compared with."""
    return -(-int(2 * d_ff / 3) // multiple) * multiple


@swiglu_width.mistake
def rounded_to_the_nearest(d_ff, multiple):
    """You round to the nearest multiple, which is the one below for some widths. The rule is: at least two thirds."""
    return int(2 * d_ff / (3 * multiple) + 0.5) * multiple


@swiglu_width.mistake
def not_rounded_to_the_multiple(d_ff, multiple):
    """Two thirds it is, but not a multiple of what was asked for. Processors like rows that are."""
    return -(-2 * d_ff // 3)


def heads_to_share(generator):
    """One key head for all, a key head for each, and groups of two and three."""
    for G, T, Dh, H in ((1, 2, 2, 2), (2, 1, 2, 2), (2, 3, 2, 4), (3, 2, 4, 9)):
        yield torch.from_numpy(generator.normal(size=(G, T, Dh))), H


@exercise("16.share_heads", inputs=heads_to_share)
def share_heads(key, n_heads):
    """Head 0 for the first H/G queries, then head 1."""
    return key.repeat_interleave(n_heads // len(key), dim=0)


@share_heads.mistake
def tiled(key, n_heads):
    """Yours go round: 0, 1, 2, 0, 1, 2. Neighboring query heads share a key head: 0, 0, 0, 1, 1, 1. The shapes are
    the same, no error is raised, and every trained group asks the wrong head."""
    return key.repeat(n_heads // len(key), 1, 1)


@share_heads.mistake
def positions_repeated(key, n_heads):
    """You repeat the positions, or the features, and not the heads. Which axis counts heads?"""
    return key.repeat_interleave(n_heads // len(key), dim=1)


@share_heads.mistake
def features_repeated(key, n_heads):
    """You repeat the features, and so each key is wider than its query. Which axis counts heads?"""
    return key.repeat_interleave(n_heads // len(key), dim=2)


@share_heads.mistake
def n_heads_times_each(key, n_heads):
    """You repeat each key head as often as there are query heads. How many queries come to one key head?"""
    return key.repeat_interleave(n_heads, dim=0)


@share_heads.mistake
def the_first_for_all(key, n_heads):
    """All your queries ask the first key head. That is multi-query attention; there are more heads here."""
    return key[:1].expand(n_heads, -1, -1)


cache_bytes = Question(
    "16.cache_bytes",
    188_743_680,
    hint="What is kept for one token in one layer: of which two things, in how many heads, how wide? Then layers, "
    "tokens, and bytes a number.",
    mistakes={
        566_231_040: "Three times too much. Either you keep nine heads, where only key heads are kept, or you make "
        "each key head three times as wide as a query head, which it has to match.",
        94_371_840: "Half of it. Keys and values are both kept; or did a number of 16 bits take one byte?",
        377_487_360: "Twice too much: 16 bits are two bytes, and there are two things to keep, keys and values.",
        6_291_456: "That is one layer's. Each layer has keys and values of its own.",
        62_914_560: "You keep one head. Three query heads share one, and there are nine.",
        23_040: "That is one token's. The whole context is to be kept.",
        1_509_949_440: "Those are bits. Eight of them make a byte.",
        1_132_462_080: "Six times too much: you count nine key heads and numbers of 32 bits. How many key heads does "
        "SmolLM2 have, and how many bytes are 16 bits?",
        1_698_693_120: "You count each key head as wide as the model. It is as wide as a query head.",
    },
)


largest_score = Question(
    "16.largest_score",
    8,
    hint="How long is a vector of 64 features whose mean square is 1? And for which two vectors of given lengths is "
    "the product largest?",
    mistakes={
        64: "That is the product of the two vectors, before the division by the root of their width.",
        1: "That would be right for vectors of length 1. RMSNorm makes the *mean* square 1, and there are 64 features.",
        0.125: "That divides vectors of length 1. RMSNorm makes the *mean* square 1, and there are 64 features.",
        512: "You multiply by the root of the width. The scores are divided by it.",
        4096: "Each vector is as long as the root of the sum of its squares: you took the sum itself.",
    },
)

kept_pairs = Question(
    "16.kept_pairs",
    29,
    hint="A pair stays as it was if it turns at least four times in 8,192 positions. Its frequency is 500,000 to the "
    "power of -i/64 radians per position. Do not forget the pair i = 0.",
    mistakes={
        28: "One too few. The pairs are counted from i = 0, which turns fastest.",
        35: "Either you count the pairs that are changed, or you count down to one whole turn. Between one turn and "
        "four the frequency is already changed in part.",
        42: "Turns or radians? A whole turn is 2π radians.",
        44: "You count down to one radian. The limit is four whole turns, and a turn is 2π radians.",
        38: "You count turns in the longer context. What counts is the length that the model was trained on before.",
        41: "You took a base of 10,000, which is the first model's. The task gives a base of 500,000.",
        33: "You took SmolLM2's base of 100,000. The task gives a base of 500,000.",
        57: "The exponent is i/64, so that the slowest pair has nearly the base itself; you have half of it.",
        64: "Not all of them: slow pairs are slowed down.",
        6: "Between one turn and four: these are the pairs that are blended.",
    },
)


def rows_in_halves(generator):
    """Rows in our order: heads of 2 (which stay as they are), 6 and 8 features."""
    for n_heads, d_head, D in ((2, 2, 2), (1, 6, 2), (2, 6, 3), (3, 8, 2)):
        yield torch.from_numpy(generator.permutation(n_heads * d_head * D)).view(n_heads * d_head, D), n_heads


@exercise("16.permute", inputs=rows_in_halves)
def permute(weight, n_heads):
    """Within each head: a row of the first half, then its partner in the second."""
    return weight.unflatten(0, (n_heads, 2, -1)).transpose(1, 2).flatten(end_dim=2)


@permute.mistake
def unpermuted_again(weight, n_heads):
    """You did what the loader does, a second time, where it was to be undone. In the file, the row after row 0 of a
    head is its partner, which in ours stands half a head further on."""
    return weight.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(end_dim=2)


@permute.mistake
def across_the_heads(weight, n_heads):
    """You pair rows of the first half of *all* heads with rows of the second, so that they leave their heads. Each head
    has its own pairs."""
    return weight.unflatten(0, (2, -1)).transpose(0, 1).flatten(end_dim=1)


@permute.mistake
def partner_first(weight, n_heads):
    """Each of your pairs is the wrong way round: the row of the first half comes first."""
    return weight.unflatten(0, (n_heads, 2, -1)).flip(1).transpose(1, 2).flatten(end_dim=2)


@permute.mistake
def viewed_and_not_moved(weight, n_heads):
    """Nothing has moved in yours. A reshape back and forth changes no order; the two axes have to be swapped in
    between."""
    return weight.clone()


def blocks_of_weights(generator):
    """A block from 0 to 15, one of equal weights, and blocks of negative, of positive and of mixed weights."""
    yield (np.tile(np.arange(16.0), 2),)
    yield (np.full(32, -0.25),)
    for low, high in ((-3, -1), (0.5, 2), (-1, 1)):
        yield (generator.uniform(low, high, size=32),)


@exercise("16.quantize", inputs=blocks_of_weights)
def quantize(block):
    """Fifteen steps from the smallest to the largest, and the nearest of the sixteen places."""
    m, d = block.min(), (block.max() - block.min()) / 15
    q = np.round((block - m) / d) if d else np.zeros_like(block)
    return q, d, m


def _by(block, d, m, rounding=np.round):
    return rounding((block - m) / d) if d else np.zeros_like(block), d, m


@quantize.mistake
def sixteen_steps(block):
    """You divide the range by 16. There are sixteen places, and from the first to the last there are fewer steps."""
    q, d, m = _by(block, np.ptp(block) / 16, block.min())
    return np.minimum(q, 15), d, m


@quantize.mistake
def sixteen_steps_and_a_place_too_many(block):
    """You divide the range by 16, so that the largest weight comes out as 16, which does not fit into four bits. From
    the first of sixteen places to the last there are fewer steps."""
    return _by(block, np.ptp(block) / 16, block.min())


@quantize.mistake
def places_rounded_down(block):
    """You round down. A weight just below a place goes to the place below that one: on average half a step is lost."""
    return _by(block, np.ptp(block) / 15, block.min(), lambda x: np.floor(x + 1e-9))


@quantize.mistake
def without_offset(block):
    """Your offset is 0, so that the steps reach from 0 to the largest weight. Where does the smallest one go?"""
    return np.round(np.clip(block / (block.max() / 15), 0, 15)), block.max() / 15, 0.0


@quantize.mistake
def divided_by_nothing(block):
    """Where all weights are alike the range is 0, and you divide by it."""
    m, d = block.min(), np.ptp(block) / 15
    with np.errstate(all="ignore"):
        return np.round((block - m) / d), d, m


@quantize.mistake
def the_offset_in_the_middle(block):
    """Your offset is the mean of the weights. With whole numbers from 0 up, every weight below the offset is lost."""
    q, d, m = _by(block, np.ptp(block) / 15, block.mean())
    return np.clip(q, 0, 15), d, m


def scores_of_heads(generator):
    """One layer of two groups of two, and more layers and groups; with one group there is no other one to compare."""
    for L, H, G in ((1, 4, 2), (2, 4, 2), (3, 6, 3), (2, 9, 3)):
        yield torch.from_numpy(generator.uniform(size=(L, H))), G


def _pairs(scores, n_kv_heads, wanted):
    H = scores.shape[1]
    group = torch.arange(H) // (H // n_kv_heads)
    return [
        (scores[:, a] - scores[:, b]).abs() for a in range(H) for b in range(a) if bool(group[a] == group[b]) == wanted
    ]


@exercise("16.within_groups", inputs=scores_of_heads)
def within_groups(scores, n_kv_heads):
    """Each pair of heads of a layer counts once, with those of its own group or with the others."""
    return tuple(torch.stack(_pairs(scores, n_kv_heads, wanted)).mean() for wanted in (True, False))


@within_groups.mistake
def every_other_head(scores, n_kv_heads):
    """You take heads 0, G, 2G … as a group. Neighboring query heads share a key head: 0, 1, 2, then 3, 4, 5."""
    H = scores.shape[1]
    return within_groups.reference(scores[:, torch.arange(H).view(-1, n_kv_heads).T.flatten()], n_kv_heads)


@within_groups.mistake
def heads_with_themselves(scores, n_kv_heads):
    """You compare heads with themselves, too. Their difference is 0, which makes the groups look more alike than they
    are."""
    H = scores.shape[1]
    group = torch.arange(H) // (H // n_kv_heads)
    same = group[:, None] == group
    apart = (scores[:, :, None] - scores[:, None]).abs()
    return apart[:, same].mean(), apart[:, ~same].mean()


@within_groups.mistake
def the_other_way_round(scores, n_kv_heads):
    """Your two numbers have changed places: first the heads of one group, then those of different ones."""
    return within_groups.reference(scores, n_kv_heads)[::-1]


@within_groups.mistake
def signed(scores, n_kv_heads):
    """You average signed differences, and those cancel. How far apart two heads are has no sign."""
    H = scores.shape[1]
    group = torch.arange(H) // (H // n_kv_heads)
    found = {True: [], False: []}
    for a in range(H):
        for b in range(a):
            found[bool(group[a] == group[b])].append(scores[:, a] - scores[:, b])
    return torch.stack(found[True]).mean(), torch.stack(found[False]).mean()


@within_groups.mistake
def layers_averaged_first(scores, n_kv_heads):
    """You average over the layers before you compare. Head 1 of layer 2 and head 1 of layer 3 have nothing in common:
    compare within a layer, and average afterward."""
    return within_groups.reference(scores.mean(dim=0, keepdim=True), n_kv_heads)


@within_groups.mistake
def squared(scores, n_kv_heads):
    """Your differences are squared. Asked is the mean of their sizes."""
    return tuple(torch.stack(_pairs(scores, n_kv_heads, wanted)).square().mean() for wanted in (True, False))
