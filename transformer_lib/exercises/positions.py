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
        3: "You counted *dog*, *bit*, and *man*. The word *the* has a vector, too.",
        10: "You counted the pairs of places. The question is how many vectors come out that differ from one another.",
        25: "You counted the scores, one for each pair of places. The question is about the vectors that come out.",
        2: "You counted the words that occur twice, or the vectors of *the*. Which of the five words are equal, and "
        "how "
        "many different ones are left?",
        120: "That counts the orders of five words. The question is how many different vectors come out of one order.",
        60: "That counts the different orders of these five words. The question is how many different vectors come "
        "out of one order.",
    },
)


def rows_of_clocks(generator):
    """Few hands and several, slow enough or not to complete a turn; all positions are below 1,000.

    Hands of speed 1 and 1/10 stand nearly where they stood after 377 positions, and a hand of speed 1 after 710.
    """
    for position, width, base in (
        (0, 2, 10_000.0),
        (3, 4, 10_000.0),
        (9, 4, 10_000.0),
        (47, 8, 100.0),
        (730, 8, 100.0),
        (721, 2, 100.0),
        (414, 4, 100.0),
    ):
        yield _row(_angles(position, width, base)), base
    yield _row(_angles(int(generator.integers(200, 1000)), 16, 100.0)), 100.0


def _row(angles):
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def _angles(position, width, base):
    return position / base ** (torch.arange(0, width, 2, dtype=torch.float64) / width)


def _nearest(row, base, power=2, row_of=_row, first=0):
    """The row of the table that is nearest by the sum of differences to a power."""
    table = row_of(_angles(torch.arange(first, first + 1000)[:, None], len(row), base))
    return int((table - row).abs().pow(power).sum(dim=1).argmin())


def _hand(row, base, i):
    """The position if hand i has not completed a turn."""
    angle = math.atan2(row[2 * i], row[2 * i + 1]) % (2 * math.pi)
    return round(angle * base ** (2 * i / len(row)))


@exercise(
    "10.read_clock",
    inputs=rows_of_clocks,
    hint="There are only 1,000 positions that it could be, and you can compute what each of them would look like.",
)
def read_clock(row, base):
    """Find the position, below 1,000, whose row is nearest."""
    return _nearest(row, base)


@read_clock.mistake
def the_fastest_hand_alone(row, base):
    """You read the fastest hand, which has completed its first turn by position 7. The slower hands know how
    many turns it has made."""
    return _hand(row, base, 0)


@read_clock.mistake
def the_slowest_hand_alone(row, base):
    """You read the slowest hand, which is right as long as it has not completed a turn. With a base of 100 it has, at
    the later positions. Which position agrees with *all* hands?"""
    return _hand(row, base, len(row) // 2 - 1)


@read_clock.mistake
def sine_and_cosine_exchanged(row, base):
    """You take the first number of each hand for its cosine. At position 0, which of the two is 0?"""
    return _nearest(row.view(-1, 2).flip(-1).flatten(), base)


@read_clock.mistake
def counted_from_one(row, base):
    """Your positions are all too large by one: the first row of the table, all sines 0, is position 0."""
    return _nearest(row, base) + 1


@read_clock.mistake
def the_table_begins_at_one(row, base):
    """Your table begins at position 1, and you return the place of the row in it: all positions come out too small by
    one. The first row, all sines 0, is position 0."""
    return _nearest(row, base, first=1)


@read_clock.mistake(measured={"by the sum of squares": 2, "by the sum of differences": 1})
def sines_first_and_cosines_after(row, base, *, measured):
    """Your table has all sines first and then all cosines, and its nearest row, {measured}, is another one. In the row
    that you get, the sine and the cosine of a hand stand side by side."""
    return _nearest(row, base, measured, lambda angles: torch.cat((angles.sin(), angles.cos()), dim=-1))


@read_clock.mistake(exponent={"i / D": 0.5, "4i / D": 2.0})
def other_speeds(row, base, *, exponent):
    """Your hands have other speeds: base to the power of {exponent}, where the page has 2i / D and hand i counts from
    0."""
    return _nearest(row, base**exponent)


@read_clock.mistake
def the_first_that_is_near_enough(row, base):
    """You take the first position whose row is near enough. With few hands, several positions are: which of them is the
    nearest?"""
    table = _row(_angles(torch.arange(1000)[:, None], len(row), base))
    return int((table.round(decimals=2) == row.round(decimals=2)).all(dim=1).int().argmax())


@read_clock.mistake
def always_ten_thousand(row, base):
    """Your hands have the speeds of base 10,000, whatever `base` is."""
    return _nearest(row, 10_000.0)


@read_clock.mistake
def all_hands_alike(row, base):
    """All of your hands turn at the same speed, one radian a position. Each hand is slower than the one before it."""
    return _nearest(row, 1.0)


@read_clock.mistake(function={"sine": 0, "cosine": 1, "tangent": 2})
def the_slowest_hand_by_one_function(row, base, *, function):
    """You take the arc {function} of the slowest hand, which gives the same angle for two halves of a turn, and says
    nothing of how many turns there were. Sine *and* cosine together give the angle, and the other hands tell the
    turns."""
    sine, cosine = float(row[-2]), float(row[-1])
    angle = (math.asin(sine), math.acos(cosine), math.atan2(sine, abs(cosine)) * (1 if cosine > 0 else -1))[function]
    return round(angle * base ** ((len(row) - 2) / len(row)))


def turned_keys(generator):
    """One key that nothing has turned yet, then several; two to eight features."""
    yield torch.tensor([[1.0, 0.0]], dtype=torch.float64), 1, 10_000.0
    for length, width, by, base in ((2, 2, 3, 10_000.0), (3, 4, 5, 100.0), (5, 8, 40, 10_000.0)):
        yield torch.from_numpy(generator.normal(size=(length, width))), by, base


def _turn(x, angles):
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()), dim=-1).flatten(-2)


@exercise(
    "10.moved",
    inputs=turned_keys,
    atol=1e-4,
    hint="A key that was turned for position n and is needed at position n + by: which rotation is missing?",
)
def moved(keys, by, base):
    """Turn every key by the same angles, those of position `by`: rotations add up."""
    return _turn(keys, _angles(by, keys.shape[-1], base))


@moved.mistake
def turned_for_the_new_positions(keys, by, base):
    """You turned each key by its new position. But it had been turned by its old one before, and rotations add up:
    what is missing is the difference."""
    positions = by + torch.arange(len(keys), dtype=torch.float64)[:, None]
    return _turn(keys, _angles(positions, keys.shape[-1], base))


@moved.mistake
def turned_back(keys, by, base):
    """You turned the keys back, as if the words in front had been taken away."""
    return _turn(keys, _angles(-by, keys.shape[-1], base))


@moved.mistake
def left_as_they_were(keys, by, base):
    """The keys keep their distances from one another, and yet a new query will stand at a later position. Relative to
    that query, every old key that you leave alone moves back by the length of what was put in front."""
    return keys.clone()


@moved.mistake
def the_other_layout(keys, by, base):
    """That is a rotation in the other layout: you pair feature i with i + Dh/2, and these keys were turned in pairs of
    neighbors, 2i and 2i + 1."""
    a, b = keys.chunk(2, dim=-1)
    angles = _angles(by, keys.shape[-1], base)
    return torch.cat((a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()), dim=-1)


@moved.mistake
def one_speed_for_all_pairs(keys, by, base):
    """You turn every pair by the same angle. Only the first pair turns by one radian per position; each of the others
    is slower than the one before it."""
    return _turn(keys, torch.full((keys.shape[-1] // 2,), float(by), dtype=torch.float64))


@moved.mistake
def rows_slid_along(keys, by, base):
    """You moved the rows of the tensor. The rows stay; what changes is the position for which each one is turned."""
    return torch.roll(keys, by, dims=0)


@moved.mistake
def overwritten_too_early(keys, by, base):
    """You compute the second feature of a pair from the first one, which you have overwritten already. Both are made of
    the two *old* ones."""
    angles = _angles(by, keys.shape[-1], base)
    a, b = keys[..., 0::2], keys[..., 1::2]
    new = a * angles.cos() - b * angles.sin()
    return torch.stack((new, new * angles.sin() + b * angles.cos()), dim=-1).flatten(-2)


@moved.mistake
def a_clock_added(keys, by, base):
    """You add the clock of the distance to the keys, as sinusoidal encodings do. Rotary encodings turn them."""
    return keys + _row(_angles(by, keys.shape[-1], base))


@moved.mistake
def room_made_for_the_foreword(keys, by, base):
    """You return more rows than there are keys, to make room for the foreword. Its keys are no business of this
    function: each stored key stays one key, for another place."""
    return torch.cat([torch.zeros(by, keys.shape[1], dtype=keys.dtype), keys])


@moved.mistake
def the_base_of_the_page(keys, by, base):
    """Your speeds are those of base 10,000, whatever `base` is."""
    return _turn(keys, _angles(by, keys.shape[-1], 10_000.0))


@moved.mistake(exponent={"i / Dh": 0.5, "4i / Dh": 2.0})
def pairs_at_other_speeds(keys, by, base, *, exponent):
    """Your pairs turn at other speeds: by base to the power of {exponent}, where the page has 2i / Dh, and pair i
    counts from 0."""
    return _turn(keys, _angles(by, keys.shape[-1], base**exponent))


@moved.mistake
def from_the_slowest_to_the_fastest(keys, by, base):
    """Your first pair is the slowest, and the last the fastest. Which pair turns by one radian per position?"""
    return _turn(keys, _angles(by, keys.shape[-1], base).flip(0))


@moved.mistake
def reflected(keys, by, base):
    """One sign is wrong: yours is a reflection and no rotation. Turn by an angle of 0: the keys should stay as they
    are."""
    angles = _angles(by, keys.shape[-1], base)
    a, b = keys[..., 0::2], keys[..., 1::2]
    return torch.stack((a * angles.cos() + b * angles.sin(), a * angles.sin() - b * angles.cos()), dim=-1).flatten(-2)


@moved.mistake
def joined_as_halves(keys, by, base):
    """You turn neighbors, as you should, and then put all first features before all second ones. The two features of a
    pair have to stand side by side again."""
    return _turn(keys, _angles(by, keys.shape[-1], base)).unflatten(-1, (-1, 2)).transpose(-1, -2).flatten(-2)


@moved.mistake
def in_degrees(keys, by, base):
    """Your angles are degrees. Sine and cosine take radians, and the first pair turns by one radian per position."""
    return _turn(keys, _angles(by, keys.shape[-1], base) * math.pi / 180)


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
        33: "You subtracted the query's old position from the key's new one. What stays is the difference 7 − 3.",
        37: "That is how far the key moves, and how far the query has to move with it. The question asks for the "
        "*place* at which the query stands then.",
        7: "You left the query where it was. Its distance from the key has changed by then.",
        40 * 7 / 3: "You kept the *ratio* of the two places. A rotation by m and one by n leave a difference.",
        40
        * 3
        / 7: "You kept the *ratio* of the two places. A rotation by m and one by n leave a difference of the two.",
        50: "You added all three places. What stays is a difference: of which two?",
        4: "That is the difference itself. Which position has it from the new key?",
    },
)

base = Question(
    "10.base",
    (1000 / (2 * math.pi)) ** 2,
    hint="Four features are two hands; the slower one turns by 1 / base^(2/4) radians per position. A full turn has "
    "2π radians.",
    mistakes={
        10_000: "That is the base of the page. With it the slow hand takes about 628 positions for a turn.",
        (1000 / math.pi) ** 2: "You gave a turn π radians, which is half of one.",
        2000 * math.pi: "You multiplied by 2π instead of dividing, and the speed is 1 / √base, not 1 / base.",
        1000: "You took the number of positions itself. The slow hand turns by 1 / √base radians per position, and a "
        "turn has 2π of them.",
        (1000 / (2 * math.pi))
        ** (4 / 3): "You took the exponent 3/4. The last of two hands is i = 1, and its exponent is 2i / Dh.",
        1_000_000: "With that base the slow hand has turned by one radian after 1,000 positions. How many radians has "
        "a full turn?",
        1000**2 / (2 * math.pi): "You squared the 1,000 and not the 2π. Solve 1000 / √base = 2π step by step.",
        (2000 * math.pi) ** 2: "With that base one turn takes about 39,000 positions: you multiplied by 2π "
        "instead of dividing.",
        1000 / (2 * math.pi): "You took the slowest speed to be 1 / base. The exponent is 2i / Dh, and the last i is "
        "not Dh / 2.",
        (1000 / (2 * math.pi)) ** 4: "Your exponent is half as large as it should be: it is 2i / Dh, with i counting "
        "hands.",
        (1000 / 360) ** 2: "A degree is not a radian: sine and cosine take the angle in radians, and a full turn has "
        "2π of them.",
        math.sqrt(1000 / (2 * math.pi)): "You took the root where you should have squared: the speed is 1 / √base.",
    },
)


def projections(generator):
    """Weights of one head and of several, two to eight features each."""
    for n_heads, width, d_model in ((1, 4, 2), (1, 6, 2), (2, 4, 3), (2, 6, 4), (3, 8, 5)):
        yield torch.from_numpy(generator.normal(size=(n_heads * width, d_model))), n_heads


@exercise("10.halves_to_neighbors", inputs=projections)
def halves_to_neighbors(weight, n_heads):
    """Reorder the rows of a projection, head by head, so that features i and i + Dh/2 become neighbors."""
    return weight.unflatten(0, (n_heads, 2, -1)).transpose(1, 2).flatten(0, 2)


@halves_to_neighbors.mistake
def across_the_heads(weight, n_heads):
    """Right for one head. With several you mix them: the rows of one head stand together, and each head has halves of
    its own. Split the rows into heads first."""
    return halves_to_neighbors(weight, 1)


@halves_to_neighbors.mistake
def the_other_way_round(weight, n_heads):
    """That is the way back: it takes neighbors apart into halves. With four features a head the two ways are the same,
    so try six. Row 1 of the result should be what was row Dh/2."""
    return weight.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(0, 2)


@halves_to_neighbors.mistake
def halves_swapped(weight, n_heads):
    """You exchange the two halves of each head. Their rows should alternate: the first of one half, then the first of
    the other."""
    return weight.unflatten(0, (n_heads, 2, -1)).flip(1).flatten(0, 2)


@halves_to_neighbors.mistake
def reshaped_without_reordering(weight, n_heads):
    """Where yours is wrong, the rows stand where they stood in `weight`. Reshaping changes how rows are counted and
    moves none of them: some axes must change places in between, and in every head."""
    return weight.clone()


@halves_to_neighbors.mistake(
    order={"halves, heads, and features": (1, 0, 2), "halves, features, and heads": (1, 2, 0),
           "features, heads, and halves": (2, 0, 1), "features, halves, and heads": (2, 1, 0)}
)  # fmt: skip
def heads_torn_apart(weight, n_heads, *, order):
    """Your rows run through {order}, the first of these slowest, so that rows of different heads become neighbors. The
    rows of one head stay together: which of the three has to run slowest, and which fastest?"""
    return weight.unflatten(0, (n_heads, 2, -1)).permute(*order, 3).flatten(0, 2)


@halves_to_neighbors.mistake
def the_second_half_first(weight, n_heads):
    """Each pair of yours begins with the row of the second half. Feature i of the first half comes first, and its
    partner after it."""
    return weight.unflatten(0, (n_heads, 2, -1)).flip(1).transpose(1, 2).flatten(0, 2)


@halves_to_neighbors.mistake
def the_order_of_the_rows(weight, n_heads):
    """You return in which order the rows have to be taken. Take them: the weight in that order is asked for."""
    return halves_to_neighbors(torch.arange(len(weight))[:, None], n_heads)[:, 0]


@halves_to_neighbors.mistake
def heads_and_widths_exchanged(weight, n_heads):
    """You cut the rows into heads that are `n_heads` rows wide. `n_heads` says how many heads there are."""
    return weight.unflatten(0, (-1, n_heads)).transpose(0, 1).flatten(0, 1)


def lengths(_):
    """Every way at the sizes of the lab, at smaller and at larger ones; within training nothing is new."""
    for trained, length in ((1, 2), (2, 3), (16, 64), (16, 16), (64, 256)):
        for way in ("places", "distance", "shifted"):
            yield way, trained, length


def _pairs(length):
    """How many pairs of a query and a key there are, the key not after the query."""
    return length * (length + 1) / 2


@exercise(
    "10.never_met",
    inputs=lengths,
    hint="Draw the square of all pairs for trained=2 and length=3, cross out what lies after the query, and mark what "
    "the training texts contain.",
)
def never_met(way, trained, length):
    """Of the pairs on and below the diagonal: those outside the corner of training, or those outside its band."""
    if way == "places":
        return 1 - _pairs(trained) / _pairs(length)
    return _pairs(length - trained) / _pairs(length)


@never_met.mistake
def pairs_that_the_mask_hides(way, trained, length):
    """You count all pairs of places. A causal mask hides the keys that come after the query, so they are neither met
    nor asked for."""
    if way == "places":
        return 1 - trained**2 / length**2
    return (length - trained) * (length - trained + 1) / length**2


@never_met.mistake
def single_places(way, trained, length):
    """You count places. A score is made of two, the query's and the key's, so the share is one of pairs."""
    return 1 - trained / length


@never_met.mistake
def shifting_teaches_everything(way, trained, length):
    """With shifted texts every place is met, but not every pair: how far apart can two words of one text be?"""
    return 0.0 if way == "shifted" else never_met(way, trained, length)


@never_met.mistake
def shifting_teaches_nothing(way, trained, length):
    """You count a shifted text like one that begins at place 0. Shifted, it may begin at any place from which it still
    ends in time: which pairs become known by that?"""
    return never_met("places" if way == "shifted" else way, trained, length)


@never_met.mistake
def one_distance_too_many(way, trained, length):
    """A text of `trained` places has distances from 0 to trained − 1. You take one more, the distance `trained`, for
    known."""
    return (
        1 - _pairs(trained) / _pairs(length)
        if way == "places"
        else _pairs(max(0, length - trained - 1)) / _pairs(length)
    )


@never_met.mistake
def what_was_met(way, trained, length):
    """That is the share of the pairs that *were* met."""
    return 1 - never_met(way, trained, length)


@never_met.mistake
def places_and_distances_exchanged(way, trained, length):
    """You have the two counts, each under the other name. A distance that was met at one place is known at all
    places."""
    return never_met("distance" if way == "places" else "places", trained, length)


@never_met.mistake
def both_places_new(way, trained, length):
    """With texts that begin at 0 you call a pair new only if *both* of its places are. A pair is new as soon as one of
    them is: no training text held it."""
    return never_met("distance" if way == "places" else way, trained, length)


@never_met.mistake
def the_last_start_left_out(way, trained, length):
    """One place is missing at which a shifted text may begin: the last one, from which it ends just at `length`."""
    if way != "shifted":
        return never_met(way, trained, length)
    met = sum(min(m + 1, trained) for m in range(length - 1)) if length > trained else 0
    return 1 - met / _pairs(length)


@never_met.mistake
def shifted_texts_end_to_end(way, trained, length):
    """Your shifted texts lie end to end. They begin *anywhere*, so they overlap, and a pair across a border is met by a
    text that begins a little earlier."""
    if way != "shifted":
        return never_met(way, trained, length)
    return 1 - length // trained * _pairs(trained) / _pairs(length)


@never_met.mistake
def without_itself(way, trained, length):
    """You leave out the pairs of a place with itself. The mask is n ≤ m: a query sees its own key."""
    if way == "places":
        return 1 - _pairs(trained - 1) / _pairs(length - 1)
    return _pairs(length - trained) / _pairs(length - 1)


@never_met.mistake
def one_distance_too_few(way, trained, length):
    """A text of `trained` places has distances from 0 to trained − 1. You call the largest of them new."""
    return never_met(way, trained, length) if way == "places" else _pairs(length - trained + 1) / _pairs(length)


@never_met.mistake
def all_is_measured_by_places(way, trained, length):
    """You count all three ways as you count places that begin at 0. With distances, what counts is m − n, wherever the
    two stand."""
    return never_met("places", trained, length)
