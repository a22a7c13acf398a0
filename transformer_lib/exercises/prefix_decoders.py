"""Exercises of page 14a: what a prefix decoder is asked."""

import torch

from transformer_lib.exercises.engine import Question, exercise

questions = Question(
    "14a.questions",
    49,
    hint="Which positions may be asked: those whose next token they have not seen. Start with the last position of the "
    "prefix, and count to the end of the window.",
    mistakes={
        48: "One too few. The last position of the prefix has seen the prefix and no more: what comes next is asked of "
        "it, too.",
        47: "Two too few. The last position of the prefix may be asked, because it has not seen what follows. And the "
        "last position of the window has a target as well: the token after the window.",
        79: "You count the positions whose answers are in full view.",
        80: "That is the prefix. What follows it is to be predicted.",
        128: "That is a causal decoder's. Inside the prefix a position has seen what comes next.",
        81: "That is the prefix, and one more. What follows it is to be predicted, and what stands in it is seen.",
        127: "Inside the prefix a position has seen what comes next, so it cannot be asked.",
        50: "One too many: the last position but one of the prefix has seen the prefix's last token.",
    },
)


def losses_and_prefixes(generator):
    """A prefix of one token, one that fills the window, and batches of different prefixes; no two losses are equal."""
    for lengths, T in (([1], 2), ([2], 3), ([3, 1], 4), ([4, 4], 4), ([2, 6, 5], 7), ([3, 6, 1, 4], 8)):
        yield torch.from_numpy(generator.uniform(1, 3, size=(len(lengths), T))), torch.tensor(lengths)


@exercise("14a.suffix_loss", inputs=losses_and_prefixes)
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


@suffix_loss.mistake
def the_last_position_left_out(nats, prefix_lengths):
    """You leave out the last position of the window. Its target is the token after the window, and `nats` holds what it
    cost."""
    scored = _after(nats, prefix_lengths, -1)
    scored[:, -1] = False
    return nats[scored].mean() if scored.any() else torch.tensor(torch.nan)


@suffix_loss.mistake(
    which={"longest prefix": max, "shortest prefix": min, "prefix of the first row": lambda lengths: lengths[0],
           "prefix of the last row": lambda lengths: lengths[-1]}
)  # fmt: skip
def one_prefix_for_all(nats, prefix_lengths, *, which):
    """You use the {which} for all rows. Each row has its own."""
    return nats[:, which(prefix_lengths.tolist()) - 1 :].mean()


@suffix_loss.mistake
def a_sum(nats, prefix_lengths):
    """You add the losses up. Asked is their mean, so that long suffixes and short ones can be compared."""
    return nats[_after(nats, prefix_lengths, -1)].sum()


@suffix_loss.mistake
def one_for_each_row(nats, prefix_lengths):
    """You return one number for each row. Asked is one for the batch: the mean over all targets."""
    scored = _after(nats, prefix_lengths, -1)
    return (nats * scored).sum(dim=1) / scored.sum(dim=1)


@suffix_loss.mistake
def divided_by_the_rows(nats, prefix_lengths):
    """You divide by the number of rows. Asked is the mean over all targets that are scored: how many are there?"""
    return (nats * _after(nats, prefix_lengths, -1)).sum() / len(nats)


@suffix_loss.mistake
def the_first_answer_alone(nats, prefix_lengths):
    """You score the first token after each prefix and no more. All that follow are to be written as well."""
    return nats[torch.arange(len(nats)), prefix_lengths - 1].mean()


def measured_gaps(generator):
    """Decided above 0, still moving, close to 0, decided below, and many seeds."""
    yield ([[0.5, 0.11], [0.5, 0.09]],)
    yield ([[0.11, 0.105], [0.09, 0.095], [0.1, 0.1]],)
    yield ([[0.0, 0.02], [0.0, -0.02], [0.0, 0.01]],)
    yield ([[0.05, -0.101], [-0.1, -0.099], [-0.1, -0.1]],)
    yield ([[-0.1, -0.101, -0.101], [-0.1, -0.099, -0.099], [-0.3, -0.1, -0.1]],)
    yield ([[0.3, 0.1, 0.1], [0.3, 0.11, 0.11], [0.31, 0.09, 0.09]],)
    yield ([[0.1, 0.03], [0.1, 0.09], [0.1, 0.15], [0.1, 0.21]],)
    yield ([[0.12, 0.04], [0.12, 0.09], [0.12, 0.14], [0.12, 0.19]],)
    yield ([[0.01, 0.1], [0.01, 0.14], [0.01, 0.06], [0.01, 0.1], [0.5, 0.1]],)
    yield ([[0.09, 0.1], [0.09, 0.14], [0.09, 0.06], [0.09, 0.1], [0.09, 0.1]],)
    yield ([[0.05, 0.06], [0.05, 0.0], [0.05, 0.12]],)
    yield ([[0.061, 0.06], [0.061, 0.022], [0.061, 0.098]],)
    for far in (0.9, 1.2):  # 1.6 and 2.1 standard errors away, or moved
        yield ([[far - 1, far - 1], [far, far], [far + 1, far + 1]],)
        yield ([[10 - far, 9.0], [10 - far, 10.0], [10 - far, 11.0]],)
    for far, n in ((0.62, 3), (0.77, 9)):  # 1.07 and 0.84 standard errors, 0.93 and 1.27 times two deviations by n
        yield ([[far + i - n // 2] * 2 for i in range(n)],)
        yield ([[10 - far, 10.0 + i - n // 2] for i in range(n)],)


def _facts(gaps):
    """The last mean, how far it has moved, and its standard error."""
    now, before = ([row[j] for row in gaps] for j in (-1, -2))
    mean, n = sum(now) / len(now), len(now)
    deviation = (sum((x - mean) ** 2 for x in now) / (n - 1)) ** 0.5
    return mean, mean - sum(before) / n, deviation / n**0.5


@exercise("14a.undecided", inputs=measured_gaps)
def undecided(gaps):
    """Not yet away from 0, or not yet at rest."""
    mean, moved, error = _facts(gaps)
    return abs(mean) <= 2 * error or abs(moved) > 2 * error


@undecided.mistake
def only_away_from_zero(gaps):
    """You ask whether the gap is away from 0, and not whether it has come to rest. A gap that still moves may pass 0
    later."""
    mean, _, error = _facts(gaps)
    return abs(mean) <= 2 * error


@undecided.mistake
def only_at_rest(gaps):
    """You ask whether the gap has come to rest, and not whether it can be told from 0."""
    _, moved, error = _facts(gaps)
    return abs(moved) > 2 * error


@undecided.mistake
def both_are_needed(gaps):
    """You call it undecided only if the gap is close to 0 and moving, too. Either is enough."""
    mean, moved, error = _facts(gaps)
    return abs(mean) <= 2 * error and abs(moved) > 2 * error


@undecided.mistake
def deviation_for_error(gaps):
    """You take the standard deviation of one seed. A mean of n seeds scatters less."""
    mean, moved, error = _facts(gaps)
    error *= len(gaps) ** 0.5
    return abs(mean) <= 2 * error or abs(moved) > 2 * error


@undecided.mistake
def negative_gaps_are_never_decided(gaps):
    """You compare the gap with its sign. A prefix decoder that is ahead for certain has a gap far *below* 0."""
    mean, moved, error = _facts(gaps)
    return mean <= 2 * error or abs(moved) > 2 * error


@undecided.mistake
def the_answer_turned_round(gaps):
    """You return True where the comparison is decided. The function is called undecided: when is it time to go on?"""
    return not undecided(gaps)


def _spread(numbers):
    """The standard error of a mean."""
    mean, n = sum(numbers) / len(numbers), len(numbers)
    return (sum((x - mean) ** 2 for x in numbers) / (n - 1) / n) ** 0.5


@undecided.mistake
def compared_with_the_first(gaps):
    """You compare the last gap with the *first* one. It has surely moved since then; what counts is whether it still
    moves: with which one does it have to be compared?"""
    mean, _, error = _facts(gaps)
    return abs(mean) <= 2 * error or abs(mean - sum(row[0] for row in gaps) / len(gaps)) > 2 * error


@undecided.mistake
def seeds_and_measurements_exchanged(gaps):
    """You take the rows for measurements and the columns for seeds. Each row of `gaps` belongs to one seed."""
    now, before = gaps[-1], gaps[-2]
    mean, error = sum(now) / len(now), _spread(now)
    return abs(mean) <= 2 * error or abs(mean - sum(before) / len(before)) > 2 * error


@undecided.mistake
def undecided_at_rest(gaps):
    """You turned the second condition round: a gap that has *come to rest* is undecided to yours. One that still moves
    is."""
    mean, moved, error = _facts(gaps)
    return abs(mean) <= 2 * error or abs(moved) <= 2 * error


@undecided.mistake
def undecided_far_from_zero(gaps):
    """You turned the first condition round: a gap *far* from 0 is undecided to yours. One that is near 0 is."""
    mean, moved, error = _facts(gaps)
    return abs(mean) > 2 * error or abs(moved) > 2 * error


@undecided.mistake
def one_error_for_two(gaps):
    """You allow one standard error. Two were asked for."""
    mean, moved, error = _facts(gaps)
    return abs(mean) <= error or abs(moved) > error


@undecided.mistake
def divided_by_the_seeds(gaps):
    """You divide the standard deviation by the number of seeds. A standard error is the deviation divided by its
    root."""
    mean, moved, error = _facts(gaps)
    error /= len(gaps) ** 0.5
    return abs(mean) <= 2 * error or abs(moved) > 2 * error


@undecided.mistake
def the_sign_of_the_move(gaps):
    """You compare the move with its sign. A gap that still *falls* has not come to rest either."""
    mean, moved, error = _facts(gaps)
    return abs(mean) <= 2 * error or moved > 2 * error
