"""Exercises of page 17c: weights, and inputs, in fewer bits."""

import torch

from transformer_lib.exercises.engine import Question, exercise

bits_per_weight = Question(
    "17c.bits_per_weight",
    3 + 6 / 16 + 16 / 256,
    hint="How many weights share a block's scale, and how many share the superblock's? Count the bits of 256 weights, "
    "if that is easier.",
    mistakes={
        3: "Those are the bits of the numbers alone. The scales are stored as well.",
        3 + 6 / 16: "You left out what the superblock stores for all of its blocks.",
        3 + 16 / 256: "You left out what each of the sixteen blocks stores.",
        3 + 6 / 256 + 16 / 256: "You counted one block's scale in a superblock. How many blocks does it have?",
        3 + 6 / 16 + 16 / 16: "You gave every block a scale of 16 bits besides. How many weights share that one?",
        25: "You added up all bits as if each weight had scales of its own.",
        880: "Those are the bits of a whole superblock. How many weights share them?",
    },
    rtol=1e-4,
)

largest_error = Question(
    "17c.largest_error",
    0.1,
    hint="How large is a step? And how far from the nearest whole number of steps can a weight be?",
    mistakes={
        0.2: "That is a whole step. Where between two neighboring values is a weight furthest from both?",
        3 / 16 / 2: "You divided by 16. To which whole number does absmax send the largest magnitude?",
        3 / 16: "You divided by 16, and took a whole step. To which whole number does absmax send the largest "
        "magnitude?",
        3 / 31: "You spread the values over the range from -3 to 3 so that there are 31 steps. Absmax keeps zero where "
        "it is: which whole numbers does it use?",
        0.3: "You took the numbers to 10. With 5 bits, one of them for the sign, how far do they go?",
        3 / 7 / 2: "That is right for 4 bits. The exercise has one more.",
        0: "The largest weight does not change. What of those that lie between two multiples of the scale?",
    },
    rtol=2e-3,
)

second_weight = Question(
    "17c.second_weight",
    0.74,
    hint="The first weight has moved up by 0.4. Write down the error of the output as a function of the change of the "
    "second one, and find its minimum.",
    mistakes={
        1.06: "The size is right, and the direction is not: the two inputs move together, so the second weight must "
        "move against the first.",
        0.9: "You left the second weight where it was. The entry of H beside the diagonal says that it can help.",
        0.7: "You divided by the diagonal entry of the first weight. By how much does the error change with the "
        "*second* one?",
        0.5: "You gave the second weight the whole error of the first. The inputs are not the same: how much of one "
        "is found in the other?",
        1.0: "That would be the second weight after rounding, without any help. The question is its value before that.",
        0.58: "You used H's own entry as the factor, or forgot to divide. What is the minimum of a parabola?",
        0.1: "You did not divide by the second diagonal entry, which says how costly a change of the second weight is.",
        1.14: "You rounded the first weight down. Which whole number is nearest to 0.6?",
    },
    rtol=2e-3,
)


def _normal(generator, *shape):
    return torch.from_numpy(generator.normal(size=shape))


def groups_of_weights(generator):
    """One group of three, a group all above zero, several groups."""
    yield torch.tensor([[-1.0, 0.2, 2.0]], dtype=torch.float64), 2
    yield torch.tensor([[5.0, 6.0, 6.4, 7.7]], dtype=torch.float64), 2
    yield _normal(generator, 3, 8) * torch.tensor([[0.1], [1.0], [5.0]], dtype=torch.float64), 4
    yield _normal(generator, 2, 32), 4


@exercise(
    "17c.quantized",
    inputs=groups_of_weights,
    hint="The least weight becomes 0. How many steps are there from it to the largest, and how long is one? Going "
    "back, undo both things in the opposite order.",
)
def quantized(w, bits):
    """From the least weight in equal steps to the largest, each group in its own."""
    least, steps = w.amin(dim=1, keepdim=True), 2**bits - 1
    d = (w.amax(dim=1, keepdim=True) - least) / steps
    return ((w - least) / d).round() * d + least


def _stepped(w, least, d):
    return ((w - least) / d).round() * d + least


@quantized.mistake
def one_step_too_many(w, bits):
    """You divide the range into as many steps as there are numbers. Four marks on a ruler have three spaces between
    them; your largest weight needs one mark more than there is."""
    least = w.amin(dim=1, keepdim=True)
    return _stepped(w, least, (w.amax(dim=1, keepdim=True) - least) / 2**bits)


@quantized.mistake
def rounded_down(w, bits):
    """Your weights never come back larger than they went: the fraction is cut off. Which whole number is nearest?"""
    least = w.amin(dim=1, keepdim=True)
    d = (w.amax(dim=1, keepdim=True) - least) / (2**bits - 1)
    return ((w - least) / d + 1e-9).floor() * d + least


@quantized.mistake
def one_scale_for_all(w, bits):
    """One range serves all of your groups. A group of small weights then lies within a step or two of the large
    ones'."""
    least = w.min()
    return _stepped(w, least, (w.max() - least) / (2**bits - 1))


@quantized.mistake
def the_least_is_not_added_back(w, bits):
    """All of your weights come back from zero upwards. What was subtracted before rounding?"""
    return quantized(w, bits) - w.amin(dim=1, keepdim=True)


@quantized.mistake
def around_zero(w, bits):
    """You scale by the largest magnitude and keep zero where it is. Then a group that lies on one side of it uses half
    of its numbers; here each group has a least weight of its own."""
    top = 2 ** (bits - 1) - 1
    d = w.abs().amax(dim=1, keepdim=True) / top
    return (w / d).round().clamp(-top - 1, top) * d


@quantized.mistake
def whole_numbers(w, bits):
    """Those are the whole numbers that would be stored. The question asks for the weights as they are read back."""
    least = w.amin(dim=1, keepdim=True)
    return ((w - least) / (w.amax(dim=1, keepdim=True) - least) * (2**bits - 1)).round()


def rows_to_mend(generator):
    """Two weights, where the answer can be computed by hand, and longer rows with inputs that go together."""
    yield torch.tensor([0.6, 0.9], dtype=torch.float64), 1.0, torch.tensor([[4.0, 2], [2, 5]], dtype=torch.float64)
    yield torch.tensor([0.2, -1.0], dtype=torch.float64), 0.0, torch.tensor([[3.0, -1], [-1, 2]], dtype=torch.float64)
    for D in (3, 6):
        X = _normal(generator, 4 * D, 2) @ _normal(generator, 2, D) + 0.5 * _normal(generator, 4 * D, D)
        w = _normal(generator, D)
        yield w, float(w[0].round()) + 1.0, X.T @ X


@exercise(
    "17c.made_good",
    inputs=rows_to_mend,
    hint="Call the change of the first weight d and that of the others r. The output error is a quadratic function of "
    "r: set its gradient to zero, and solve.",
)
def made_good(w, rounded, H):
    """H_rr r = -H_r1 d."""
    change = torch.linalg.solve(H[1:, 1:], H[1:, 0]) * (rounded - w[0])
    return w[1:] - change


@made_good.mistake
def left_alone(w, rounded, H):
    """You leave the other weights as they are, which is rounding to nearest. They can make the error smaller."""
    return w[1:].clone()


@made_good.mistake
def the_wrong_way(w, rounded, H):
    """The others move by the right amount in the wrong direction, so that the error grows. Is the change of the first
    weight its new value less the old one, or the reverse?"""
    return 2 * w[1:] - made_good(w, rounded, H)


@made_good.mistake
def each_by_itself(w, rounded, H):
    """You mend the error with each of the other weights as if it were alone. Together they overdo it: they also act on
    each other, through the entries of H between them."""
    return w[1:] - H[1:, 0] / H.diagonal()[1:] * (rounded - w[0])


@made_good.mistake
def divided_by_the_first(w, rounded, H):
    """You divide by the first entry of the diagonal, which tells how costly an error in the *first* weight is. The
    question is what a change of the others costs."""
    return w[1:] - H[1:, 0] / H[0, 0] * (rounded - w[0])


@made_good.mistake
def the_inverse_without_its_diagonal(w, rounded, H):
    """You take a column of the inverse as it is. The change of the first weight has to come out as what it is: which
    entry of that column must become 1?"""
    return w[1:] + torch.linalg.inv(H)[1:, 0] * (rounded - w[0])


@made_good.mistake
def with_the_first_weight(w, rounded, H):
    """Your answer begins with the rounded weight. Only the others are asked for."""
    return torch.cat((torch.tensor([rounded], dtype=w.dtype), made_good(w, rounded, H)))


def inputs_with_outliers(generator):
    """Two tokens with one large feature; none that is large; features that are large for one token alone."""
    yield torch.tensor([[0.5, -20.0, 1.0], [0.1, 30.0, -0.3]], dtype=torch.float64), 6.0
    yield _normal(generator, 2, 4), 6.0
    x = _normal(generator, 3, 6) * torch.tensor([[1.0], [0.2], [3.0]], dtype=torch.float64)
    x[1, 2], x[0, 4], x[0, 1] = 40.0, -9.5, 31.0
    yield x, 8.0


@exercise(
    "17c.rounded_inputs",
    inputs=inputs_with_outliers,
    hint="First find the features that are kept: columns, not single numbers. Which magnitudes does a token's scale "
    "then depend on?",
)
def rounded_inputs(x, threshold):
    """Columns that are ever large stay; the rest of each row has a scale of its own."""
    kept = x.abs().amax(dim=0) > threshold
    small = x.masked_fill(kept, 0.0)
    scale = small.abs().amax(dim=1, keepdim=True) / 127
    return torch.where(kept, x, (small / scale).round() * scale)


@rounded_inputs.mistake
def scale_with_the_large(x, threshold):
    """You keep the large features, and yet they still set the scale of their tokens, so that everything else is rounded
    as coarsely as before. Which features share the scale?"""
    kept = x.abs().amax(dim=0) > threshold
    scale = x.abs().amax(dim=1, keepdim=True) / 127
    return torch.where(kept, x, (x / scale).round() * scale)


@rounded_inputs.mistake
def nothing_kept(x, threshold):
    """You round all features alike. What is `threshold` for?"""
    return rounded_inputs(x, torch.inf)


@rounded_inputs.mistake
def single_numbers_kept(x, threshold):
    """You keep single numbers above the threshold. A product can only leave out a whole feature, with its column of
    weights, so a feature that is large for one token is kept for all."""
    kept = x.abs() > threshold
    small = x.masked_fill(kept, 0.0)
    scale = small.abs().amax(dim=1, keepdim=True) / 127
    return torch.where(kept, x, (small / scale).round() * scale)


@rounded_inputs.mistake
def single_numbers_kept_in_the_scale(x, threshold):
    """You keep single numbers above the threshold, and they still set the scale of their tokens. Keep whole features,
    and take the scale from what is left."""
    scale = x.abs().amax(dim=1, keepdim=True) / 127
    return torch.where(x.abs() > threshold, x, (x / scale).round() * scale)


@rounded_inputs.mistake
def one_scale_for_all_tokens(x, threshold):
    """All of your tokens share one scale. A token whose features are all small then has few values left."""
    kept = x.abs().amax(dim=0) > threshold
    small = x.masked_fill(kept, 0.0)
    scale = small.abs().max() / 127
    return torch.where(kept, x, (small / scale).round() * scale)


@rounded_inputs.mistake
def a_scale_for_each_feature(x, threshold):
    """Your scale belongs to a feature and serves all tokens. The exercise gives each *token* a scale."""
    kept = x.abs().amax(dim=0) > threshold
    scale = x.abs().amax(dim=0, keepdim=True) / 127
    return torch.where(kept, x, (x / scale).round() * scale)


@rounded_inputs.mistake
def large_features_lost(x, threshold):
    """The large features have become zero. They were to be kept as they are."""
    return rounded_inputs(x, threshold).masked_fill(x.abs().amax(dim=0) > threshold, 0.0)


@rounded_inputs.mistake
def divided_by_128(x, threshold):
    """Your scale sends the largest magnitude to 128. What is the largest whole number of 8 bits in absmax?"""
    kept = x.abs().amax(dim=0) > threshold
    small = x.masked_fill(kept, 0.0)
    scale = small.abs().amax(dim=1, keepdim=True) / 128
    return torch.where(kept, x, (small / scale).round() * scale)


def packed_blocks(generator):
    """A block that counts up, and random ones."""
    yield (torch.arange(16, dtype=torch.uint8)[None],)
    yield (torch.from_numpy(generator.integers(0, 256, size=(1, 16), dtype="uint8")),)
    yield (torch.from_numpy(generator.integers(0, 256, size=(3, 16), dtype="uint8")),)


@exercise(
    "17c.unpacked",
    inputs=packed_blocks,
    hint="A remainder and a quotient by 16 give the two halves of a byte. Where do the upper halves go, and which kind "
    "of number can be negative?",
)
def unpacked(packed):
    """All lower halves, then all upper ones."""
    whole = packed.to(torch.int64)
    return torch.cat((whole % 16, whole // 16), dim=1) - 8


@unpacked.mistake
def halves_side_by_side(packed):
    """You put the two numbers of a byte next to each other. The exercise says at which place the upper half belongs."""
    whole = packed.to(torch.int64)
    return torch.stack((whole % 16, whole // 16), dim=2).flatten(1) - 8


@unpacked.mistake
def upper_half_first(packed):
    """You begin with the upper halves. Number 0 of a block is in the lower half of its first byte."""
    whole = packed.to(torch.int64)
    return torch.cat((whole // 16, whole % 16), dim=1) - 8


@unpacked.mistake
def nothing_subtracted(packed):
    """Your numbers go from 0 to 15. What is to be subtracted?"""
    return unpacked(packed) + 8


@unpacked.mistake
def subtracted_in_bytes(packed):
    """Some of your numbers are huge: they are bytes, which cannot be negative and begin again at 255. Convert them
    before you subtract."""
    return torch.cat((packed & 15, packed >> 4), dim=1) - 8


@unpacked.mistake
def the_upper_half_not_shifted(packed):
    """Your upper halves are multiples of 16: they still stand in the upper half. Bring them down."""
    whole = packed.to(torch.int64)
    return torch.cat((whole & 15, whole & 240), dim=1) - 8


def blocks_and_fractions(generator):
    """A block with an outlier, for few bits and for many; ordinary ones."""
    outlier = torch.tensor([0.4, -0.5, 0.45, 0.5, -0.42, 0.48, 1.6, 0.5], dtype=torch.float64)
    yield outlier, 2, [1.0, 0.3]
    yield outlier, 8, [0.3, 1.0]
    fractions = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    for bits in (2, 3, 4):
        for _ in range(2):
            yield _normal(generator, 32), bits, fractions


@exercise(
    "17c.best_fraction",
    inputs=blocks_and_fractions,
    hint="For each fraction, round the block with that scale, cut off what is too large, read it back, and sum the "
    "squared differences.",
)
def best_fraction(w, bits, fractions):
    """Try them all."""
    return min(fractions, key=lambda fraction: float(_squared(w, bits, fraction)))


def _squared(w, bits, fraction, lowest=None):
    top = 2 ** (bits - 1) - 1
    scale = fraction * w.abs().max() / top
    return ((w / scale).round().clamp(-top if lowest is None else lowest, top) * scale - w).square().sum()


def _best(fractions, loss):
    return min(fractions, key=lambda fraction: float(loss(fraction)))


@best_fraction.mistake
def nothing_cut_off(w, bits, fractions):
    """You let numbers become larger than so many bits can hold. Then the smallest step always wins, and costs more
    bits."""
    top = 2 ** (bits - 1) - 1

    def loss(fraction):
        scale = fraction * w.abs().max() / top
        return ((w / scale).round() * scale - w).square().sum()

    return _best(fractions, loss)


@best_fraction.mistake
def the_worst(w, bits, fractions):
    """You return the fraction with the largest error."""
    return max(fractions, key=lambda fraction: float(_squared(w, bits, fraction)))


@best_fraction.mistake
def the_largest_error_alone(w, bits, fractions):
    """You compare the largest errors. What is cut off dominates them, and the many small weights have no say: the sum
    of squares is asked for."""
    top = 2 ** (bits - 1) - 1

    def loss(fraction):
        scale = fraction * w.abs().max() / top
        return ((w / scale).round().clamp(-top, top) * scale - w).abs().max()

    return _best(fractions, loss)


@best_fraction.mistake
def the_absmax(w, bits, fractions):
    """You always take the whole of absmax's scale. With few bits, cutting off a large weight can pay."""
    return max(fractions)


@best_fraction.mistake
def its_error(w, bits, fractions):
    """That is the smallest squared error. Which fraction has it?"""
    return float(min(_squared(w, bits, fraction) for fraction in fractions))


@best_fraction.mistake
def its_index(w, bits, fractions):
    """That is the place of the best fraction in the list. The fraction itself is asked for."""
    return fractions.index(best_fraction(w, bits, fractions))
