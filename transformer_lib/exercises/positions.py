"""Exercises of chapter 10: where a token stands."""

import math

import torch

from transformer_lib.exercises.engine import Question, exercise

bag = Question(
    "10.bag",
    4,
    hint="Attention has nothing to tell two equal inputs apart by. Which of the five words are equal?",
    mistakes={
        5: "That would be so if every place had a vector of its own. Without positions two places that hold the "
        "same word hold the same query, the same keys to look at, and the same values to take.",
        1: "The words see the same keys and values, but each asks with its own query and keeps its own residual. "
        "Which of them ask the same?",
        120: "That counts the orders of five words. The question is how many different vectors come out of one order.",
        60: "That counts the different orders of these five words. The question is how many different vectors come "
        "out of one order.",
    },
)


def rows_of_the_table(generator):
    """The first rows and late ones, narrow and wide, two bases."""
    yield 0, 2, 10_000.0
    yield 1, 2, 10_000.0
    yield 3, 4, 10_000.0
    yield 7, 8, 100.0
    yield int(generator.integers(100, 1000)), 16, 10_000.0


def _row(angles):
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten()


def _angles(position, width, base):
    return position / base ** (torch.arange(0, width, 2, dtype=torch.float64) / width)


@exercise("10.sinusoidal_row", inputs=rows_of_the_table, atol=1e-3)  # angles in float32 are welcome
def sinusoidal_row(position, d_model, base):
    """One row of the sinusoidal table: sine and cosine by turns, a pair for each speed."""
    return _row(_angles(position, d_model, base))


@sinusoidal_row.mistake
def sines_first_then_cosines(position, d_model, base):
    """The numbers are right and in another order: all sines, then all cosines. In the paper's table a pair stands
    side by side, sine at 2i and cosine at 2i + 1. (Some libraries do it your way, and a model trained with one
    cannot read the other.)"""
    angles = _angles(position, d_model, base)
    return torch.cat((angles.sin(), angles.cos()))


@sinusoidal_row.mistake
def cosines_before_sines(position, d_model, base):
    """In each pair you have the cosine first. What should position 0 look like at its first feature, 0 or 1?"""
    return _row(_angles(position, d_model, base)).view(-1, 2).flip(-1).flatten()


@sinusoidal_row.mistake
def every_feature_its_own_speed(position, d_model, base):
    """You give each feature a speed of its own. A sine and a cosine are the two coordinates of one hand, so the two
    features of a pair share an angle: the exponent counts pairs."""
    angles = position / base ** (torch.arange(d_model, dtype=torch.float64) / d_model)
    return torch.where(torch.arange(d_model) % 2 == 0, angles.sin(), angles.cos())


@sinusoidal_row.mistake
def exponent_half_as_large(position, d_model, base):
    """Your hands slow down half as much as they should from pair to pair: the last one should be near 1 / base. Is
    the exponent i / d_model or 2i / d_model, with i counting pairs?"""
    return _row(position / base ** (torch.arange(d_model // 2, dtype=torch.float64) / d_model))


@sinusoidal_row.mistake
def angle_multiplied_by_the_base(position, d_model, base):
    """Your later pairs turn faster and faster. The base to the power of 2i / d_model should make them slower."""
    return _row(position * base ** (torch.arange(0, d_model, 2, dtype=torch.float64) / d_model))


def vectors_and_positions(generator):
    """Position 0, where nothing turns, then others; two to eight features."""
    yield torch.tensor([1.0, 0.0], dtype=torch.float64), 0, 10_000.0
    yield torch.tensor([1.0, 2.0], dtype=torch.float64), 1, 10_000.0
    for width, position, base in ((4, 3, 10_000.0), (4, 10, 100.0), (8, 25, 10_000.0)):
        yield torch.from_numpy(generator.normal(size=width)), position, base


def _turn(x, angles):
    a, b = x[0::2], x[1::2]
    return torch.stack((a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()), dim=-1).flatten()


@exercise("10.rotate", inputs=vectors_and_positions, atol=1e-4)
def rotate(x, position, base):
    """Turn each pair of neighbours, x[2i] and x[2i + 1], by position / base^(2i / Dh)."""
    return _turn(x, _angles(position, len(x), base))


@rotate.mistake
def turned_the_other_way(x, position, base):
    """Your hands turn backwards, all of them. Scores would not notice, since both queries and keys turn so, but a
    model trained the other way would. Which of the two products carries the minus?"""
    return _turn(x, -_angles(position, len(x), base))


@rotate.mistake
def the_other_layout(x, position, base):
    """That is a right rotation in the other layout: you pair feature i with i + Dh/2. Asked for are neighbours, 2i and
    2i + 1."""
    a, b = x.chunk(2)
    angles = _angles(position, len(x), base)
    return torch.cat((a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()))


@rotate.mistake
def a_mirror_instead_of_a_rotation(x, position, base):
    """Both of your products carry the same sign. Then the pair is not turned: lengths change, or the plane is mirrored.
    Try it on (1, 0) and (0, 1): they should stay at a right angle, in the same order."""
    a, b = x[0::2], x[1::2]
    angles = _angles(position, len(x), base)
    return torch.stack((a * angles.cos() + b * angles.sin(), a * angles.sin() + b * angles.cos()), dim=-1).flatten()


@rotate.mistake
def one_speed_for_all_pairs(x, position, base):
    """You turn every pair by the same angle, the position. Only the first pair turns by a radian a position; each
    further one is slower."""
    return _turn(x, torch.full((len(x) // 2,), float(position), dtype=torch.float64))


@rotate.mistake
def exponent_counts_pairs(x, position, base):
    """Your slow hands are too fast: the last pair should turn by nearly 1 / base. The exponent is 2i / Dh with i
    counting pairs, or i / Dh with i counting features."""
    return _turn(x, position / base ** (torch.arange(len(x) // 2, dtype=torch.float64) / len(x)))


@rotate.mistake
def overwritten_before_it_is_read(x, position, base):
    """The second feature of each pair is made of the first one's new value. Compute both from the old pair before you
    store either."""
    x = x.clone()
    angles = _angles(position, len(x), base)
    x[0::2] = x[0::2] * angles.cos() - x[1::2] * angles.sin()
    x[1::2] = x[0::2] * angles.sin() + x[1::2] * angles.cos()
    return x


same_distance = Question(
    "10.same_distance",
    44,
    hint="The score depends on the position of the query less that of the key. What is that difference here?",
    mistakes={
        36: "There the query stands before the key; here it stands after it. The hands of one see the other turned "
        "forward or backward, so the sign of the difference counts.",
        40: "That is difference 0: both turned by the same angle, as if not turned at all.",
        47: "You added the query's position. It is the difference from the key that stays.",
        43: "You added the key's position. It is the difference between the two that stays.",
        4: "That is the difference itself. Which position has it from the new key?",
    },
)

slowest = Question(
    "10.slowest",
    200 * math.pi,
    hint="The two pairs turn by 1 / base^0 and 1 / base^(2/4) radians a position. A round is 2π radians.",
    mistakes={
        100: "That is after how many positions it has turned by one radian. How many radians is a whole round?",
        2 * math.pi: "That is the fastest pair. The slowest is asked for.",
        20_000 * math.pi: "You took the speed to be 1 / base. The exponent is 2i / Dh, and the last i is not Dh / 2.",
        36_000: "A degree is not a radian: sine and cosine take the angle in radians, and a round has 2π of them.",
        20 * math.pi: "Your exponent is half as large as it should be: it is 2i / Dh, with i counting pairs.",
    },
)


def projections(generator):
    """Weights of one head and of several, two to eight features each."""
    for n_heads, width, d_model in ((1, 4, 2), (2, 4, 3), (2, 6, 4), (3, 8, 5)):
        yield torch.from_numpy(generator.normal(size=(n_heads * width, d_model))), n_heads


@exercise("10.halves_to_neighbours", inputs=projections)
def halves_to_neighbours(weight, n_heads):
    """Reorder the rows of a projection, head by head, so that features i and i + Dh/2 become neighbours."""
    return weight.unflatten(0, (n_heads, 2, -1)).transpose(1, 2).flatten(0, 2)


@halves_to_neighbours.mistake
def across_the_heads(weight, n_heads):
    """Right for one head. With several you mix them: the rows of one head stand together, and each head has halves of
    its own. Split the rows into heads first."""
    return halves_to_neighbours(weight, 1)


@halves_to_neighbours.mistake
def the_other_way_round(weight, n_heads):
    """That is the way back: it takes neighbours apart into halves. With four features a head the two ways are the same,
    so try six. Row 1 of the result should be what was row Dh/2."""
    return weight.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(0, 2)


@halves_to_neighbours.mistake
def halves_swapped(weight, n_heads):
    """You exchange the two halves of each head. Their rows should alternate: the first of one half, then the first of
    the other."""
    return weight.unflatten(0, (n_heads, 2, -1)).flip(1).flatten(0, 2)


@halves_to_neighbours.mistake
def reshaped_without_reordering(weight, n_heads):
    """The weight comes back as it went in: reshaping changes how rows are counted and moves none of them. Some axes
    must change places in between."""
    return weight.clone()
