"""Exercises of page 12a: what the training recipes rest on."""

import math

from transformer_lib.exercises.engine import Question, exercise

decayed_weight = Question(
    "12a.decayed_weight",
    2 * (1 - 0.004 * 0.05) ** 5_000,
    hint="With a gradient of 0, only one of AdamW's two terms acts. By which factor does one step shrink the weight, "
    "and how often does it do so?",
    mistakes={
        2: "You left the weight where it was. The gradient is 0, but AdamW's decay does not pass through the gradient.",
        2 * 0.95**5_000: "You shrank the weight by the share 0.05 at every step. The formula multiplies the decay "
        "by another number first: which one?",
        2 - 2 * (1 - 0.004 * 0.05) ** 5_000: "That is what has been lost. The question asks for what is left.",
        2 * (1 + 0.004 * 0.05) ** 5_000: "You let the weight grow. Which sign has decay in the step?",
        2 * (1 - 0.004 * 0.05 * 2) ** 5_000: "You count the decay twice, as if it came from the derivative of a "
        "square. "
        "AdamW takes the share of the decay times one other number.",
        0: "Two mistakes lead here. Did each step take the share 0.05? By what is the decay multiplied first? Or did "
        "each take the same amount? A share of a smaller weight is a smaller amount.",
        1: "You took 0.0002 away at every step. The decay takes this *share* of what the weight is at the time.",
        2 * (1 - 0.004) ** 5_000: "You used the learning rate alone as the share that a step takes away. Where does "
        "the decay come in?",
        (1 - 0.004 * 0.05) ** 5_000: "That is the factor of all steps together. The weight did not begin at 1.",
        2 * (1 - 0.004 * 0.05): "That is the weight after a single step. How many are there?",
        -18: "You let every step go the length of the learning rate, as Adam does for a gradient that stays the same. "
        "That is what an L2 penalty would lead to at first; AdamW keeps the decay out of that quotient.",
    },
    rtol=2e-3,
)


def _entropy(p):
    return -sum(x * math.log(x) for x in p if x > 0)


smoothing_floor = Question(
    "12a.smoothing_floor",
    _entropy([0.8 + 0.2 / 1_000] + [0.2 / 1_000] * 999),
    hint="Write down the smoothed target: one large probability and 999 small ones. Which distribution of the model "
    "makes the cross-entropy lowest, and what is the cross-entropy then?",
    mistakes={
        0: "A loss of 0 needs a model that is certain. How does this target score a model that gives nothing to 999 of "
        "the tokens?",
        -math.log(0.8): "You scored the right token alone. The other tokens have a share of the target, too, and each "
        "contributes a term.",
        -math.log(0.8002): "You have the term of the right token, without its factor. What do the other 999 terms add?",
        _entropy([0.8, 0.2]): "You treated all wrong tokens as one. The share is spread over many tokens, and each of "
        "them has a small probability of its own.",
        _entropy([0.8 + 0.2 / 1_000] + [0.2 / 1_000] * 999) / math.log(2): "The number is right in bits. The question "
        "asks for nats.",
        -(0.8002 * math.log(0.8002) + 0.0002 * math.log(0.0002)): "You counted a single wrong token. How many of the "
        "1,000 have that small share?",
        -(0.8 * math.log(0.8) + 0.2 * math.log(0.0002)): "Very near. You gave the right token 0.8 and spread the whole "
        "0.2 over the others. The 0.2 is spread over the whole vocabulary: who is in it?",
        -0.8 * math.log(0.8): "You have a term of the right token alone. The other tokens have a share of the target, "
        "too, and the right one gets something of it back.",
        -0.8002 * math.log(0.8002): "You have the term of the right token. What do the other 999 terms add?",
        _entropy([0.8] + [0.2 / 999] * 999): "Very near. You gave the right token 0.8 and spread the 0.2 over the "
        "999 others. It is spread over the whole vocabulary: who is in it?",
        math.log(1_000) / math.log(2): "That is the loss of an even guess, in bits. A model can do better, and the "
        "question asks for nats.",
        math.log(1_000): "That is the loss of a model that considers all tokens equally likely. A model can do better "
        "than that.",
        _entropy([0.9 + 0.1 / 1_000] + [0.1 / 1_000] * 999): "You used the share of the page. This exercise has a "
        "different one.",
        0.1998 * math.log(5_000): "You have the terms of the 999 other tokens. What does the right token add?",
        0.2 * math.log(1_000): "You have the share times the entropy of an even spread. The whole target is one "
        "distribution of 1,000 probabilities: what is the entropy of that?",
        0.2: "You have the share itself. The loss is a mean of negative logarithms: of which probabilities?",
    },
    rtol=4e-4,
)


def lengths_and_decays(_):
    """A single step, few and many; a decay of 0 counts the newest alone."""
    yield from ((1, 0.9), (2, 0.5), (3, 0.0), (4, 0.9), (10, 0.98), (40, 0.8))


@exercise(
    "12a.shares",
    inputs=lengths_and_decays,
    hint="How much does one step count relative to the next one? And what must the weights of a mean sum to?",
)
def shares(n, d):
    """Powers of the decay, the newest to the power 0, divided by their sum."""
    powers = [d ** (n - t) for t in range(1, n + 1)]
    return [power / sum(powers) for power in powers]


@shares.mistake
def not_divided_by_their_sum(n, d):
    """The proportions of your numbers are right, but they do not sum to 1. What is the average of n weights that are
    all the same?"""
    return [d ** (n - t) for t in range(1, n + 1)]


@shares.mistake
def newest_first(n, d):
    """Your numbers are right, and their order is reversed: the list should begin with the oldest step."""
    return shares(n, d)[::-1]


@shares.mistake
def started_at_zero(n, d):
    """You have the average that begins at 0 and is never corrected: after few steps its numbers sum to much less than
    1. Which denominator on the page takes care of that?"""
    return [(1 - d) * d ** (n - t) for t in range(1, n + 1)]


@shares.mistake
def started_at_the_first(n, d):
    """You have the average that begins at the weights of step 1, so that step counts far more than its neighbors. On
    the page nothing but the age of a step decides."""
    return [d ** (n - 1)] + [(1 - d) * d ** (n - t) for t in range(2, n + 1)]


@shares.mistake
def all_alike(n, d):
    """You count all steps alike, as an average of checkpoints does. Here the newest step counts most."""
    return [1 / n] * n


@shares.mistake
def one_step_too_old(n, d):
    """Every number is too small by the same factor: you counted the newest step as one step old."""
    return [(1 - d) * d ** (n - t + 1) / (1 - d**n) for t in range(1, n + 1)]


@shares.mistake
def in_a_straight_line(n, d):
    """Your weights rise in a straight line, 1, 2, 3, … Each step of the average multiplies all older ones by the same
    number: what does that do to them?"""
    return [2 * k / (n * (n + 1)) for k in range(1, n + 1)]


@shares.mistake
def in_a_line_that_the_decay_tilts(n, d):
    """Your weights rise in a straight line. Each step of the average multiplies all older ones by the same number: what
    does that do to them?"""
    raw = [1 - d * (n - k) / n for k in range(1, n + 1)]
    return [one / sum(raw) for one in raw]


@shares.mistake
def each_corrected_by_its_own_step(n, d):
    """You correct each weight by the denominator of its *own* step. The average is corrected once, at the step at which
    it is used."""
    return [(1 - d) * d ** (n - k) / (1 - d**k) for k in range(1, n + 1)]


@shares.mistake
def the_decay_for_what_is_new(n, d):
    """You give the newest step the share d and let the rest keep 1 − d. Which of the two is the larger one on the
    page?"""
    return shares(n, 1 - d)


@shares.mistake
def the_start_counted(n, d):
    """You return one number more: it is the share of the start at 0. The average of the page is corrected, so that the
    steps have all of it."""
    return shares(n + 1, d)


@shares.mistake
def the_newest_alone(n, d):
    """You return the share of the newest step alone. A list is asked for, with one number for each step."""
    return shares(n, d)[-1]


def steps_of_a_trapezoid(_):
    """The ends of the three parts, with and without a warm-up, with a plateau and without."""
    for steps, warmup, cooldown in ((3, 1, 1), (10, 3, 4), (10, 0, 5), (12, 4, 8), (8, 2, 1)):
        for t in range(steps):
            yield t, steps, warmup, cooldown


@exercise(
    "12a.factor",
    inputs=steps_of_a_trapezoid,
    hint="Write down the factors of a run of ten steps with a warm-up of three and a cool-down of four. How many steps "
    "are left at each of them, the current one included?",
)
def factor(t, steps, warmup, cooldown):
    """Up to the warm-up's end a count of steps done, in the cool-down a count of steps left."""
    if t < warmup:
        return (t + 1) / warmup
    return min(1.0, (steps - t) / cooldown)


@factor.mistake
def begins_at_zero(t, steps, warmup, cooldown):
    """Your first step has the factor 0, so its batch is read and nothing is learned from it. On the page, the first
    step of a warm-up of 50 has the factor 1/50."""
    return t / warmup if t < warmup else factor(t, steps, warmup, cooldown)


@factor.mistake
def ends_at_zero(t, steps, warmup, cooldown):
    """Your last step has the factor 0, so its batch is read and nothing is learned from it. The last step should still
    have a small one."""
    return factor(t, steps, warmup, cooldown) if t < warmup else min(1.0, (steps - 1 - t) / cooldown)


@factor.mistake
def no_cooldown(t, steps, warmup, cooldown):
    """Your warm-up is right, but the factor stays at 1 until the end."""
    return factor(t, steps, warmup, cooldown) if t < warmup else 1.0


@factor.mistake
def no_warmup(t, steps, warmup, cooldown):
    """Your cool-down is right, but the run begins at the full rate."""
    return min(1.0, (steps - t) / cooldown)


@factor.mistake
def falls_from_the_warmup_on(t, steps, warmup, cooldown):
    """You divide the steps that are left by all the steps that follow the warm-up. Unless warm-up and cool-down fill
    the run, the trapezoid has a level part between the two: how many steps does the fall take?"""
    return factor(t, steps, warmup, cooldown) if t < warmup else (steps - t) / (steps - warmup)


@factor.mistake
def one_step_early(t, steps, warmup, cooldown):
    """The first step of your cool-down is below 1 already, as if the fall took one step more. Which factor has the
    first of the last `cooldown` steps?"""
    return factor(t, steps, warmup, cooldown) if t < warmup else min(1.0, (steps - t) / (cooldown + 1))


@factor.mistake
def divided_by_no_warmup(t, steps, warmup, cooldown):
    """Right with a warm-up. A run without one has `warmup` 0, and yours divides by it. Which factor has its first
    step?"""
    return t / warmup if warmup == 0 else factor(t, steps, warmup, cooldown)


@factor.mistake
def the_warmup_rises_on(t, steps, warmup, cooldown):
    """Your warm-up goes on rising after it has ended, beyond 1, and divides by 0 where there is none. What keeps the
    factor at 1?"""
    return (t + 1) / warmup * min(1.0, (steps - t) / cooldown)


@factor.mistake
def the_cooldown_from_the_start(t, steps, warmup, cooldown):
    """You let the factor fall from step `cooldown` on. `cooldown` is how many steps the fall takes, and it ends with
    the run: at which step does it begin?"""
    if t < warmup:
        return factor(t, steps, warmup, cooldown)
    return 1.0 if t < cooldown else (steps - t) / (steps - cooldown)


@factor.mistake
def the_cooldown_rises(t, steps, warmup, cooldown):
    """Your cool-down rises: you count the steps of it that are done. The factor has to count those that are left."""
    start = steps - cooldown
    return (t - start + 1) / cooldown if t >= max(warmup, start) else factor(t, steps, warmup, cooldown)


@factor.mistake
def cut_to_whole_numbers(t, steps, warmup, cooldown):
    """Yours divides whole numbers and drops the rest, so that the factor is 0 or 1. Which of Python's two signs for a
    division keeps the fraction?"""
    return float(math.floor(factor(t, steps, warmup, cooldown)))


@factor.mistake
def a_share_of_the_whole_run(t, steps, warmup, cooldown):
    """You divide the steps that are left by those of the whole run. The factor stays at 1 until the last `cooldown`
    steps, and falls within these: by what does one divide then?"""
    return factor(t, steps, warmup, cooldown) if t < warmup else (steps - t) / steps


@factor.mistake
def half_a_cosine(t, steps, warmup, cooldown):
    """Your cool-down follows a cosine. A trapezoid has straight sides."""
    done = max(0.0, (t - steps + cooldown) / cooldown)
    return factor(t, steps, warmup, cooldown) if t < warmup else 0.5 * (1 + math.cos(math.pi * done))


@factor.mistake
def a_warmup_of_one_step_more(t, steps, warmup, cooldown):
    """Your warm-up takes one step too many: the last of its `warmup` steps has the factor 1 already."""
    return min((t + 1) / (warmup + 1), factor(t, steps, 0, cooldown))


def directions(_):
    """Both kinds of step, at the scales of the lab, with rates at which no step overshoots."""
    for a in (1.0, 0.5, 0.2, 0.05):
        for share, rate in ((0.1, 0.5), (0.25, 0.3)):
            yield a, share, rate, "gradient"
            yield a, share, rate / 53, "orthogonal"
    yield 1.0, 0.25, 0.5, "gradient"  # just two steps, without any rounding
    yield 1.0, 0.5, 0.25, "orthogonal"


@exercise(
    "12a.steps_needed",
    inputs=directions,
    hint="Write down what one step leaves of the error of one direction: a factor for one kind of step, a difference "
    "for the other. The number of steps is then the smallest whole number that is large enough.",
)
def steps_needed(a, share, rate, step):
    """The gradient multiplies the error by 1 − rate a² at each step; an orthogonal step takes the rate off it."""
    needed = math.log(share) / math.log(1 - rate * a**2) if step == "gradient" else (1 - share) / rate
    return math.ceil(needed)


def _by(a, share, rate, step, factor):
    return math.ceil(math.log(share) / math.log(1 - factor)) if step == "gradient" else math.ceil((1 - share) / rate)


@steps_needed.mistake
def the_gradient_subtracts(a, share, rate, step):
    """You are right about the orthogonal step. The gradient, however, becomes smaller together with the error: its step
    multiplies what is left, and does not subtract the same length each time."""
    return math.ceil((1 - share) / (rate * a**2)) if step == "gradient" else math.ceil((1 - share) / rate)


@steps_needed.mistake
def not_a_whole_number(a, share, rate, step):
    """Your formulas are right. The exercise asks for a whole number of steps: which way do you have to round?"""
    return math.log(share) / math.log(1 - rate * a**2) if step == "gradient" else (1 - share) / rate


@steps_needed.mistake
def the_scale_not_squared(a, share, rate, step):
    """You are right about the orthogonal step. In the gradient the scale of a direction appears twice: once because the
    error is multiplied by it in the loss, and once more when the loss is differentiated."""
    return _by(a, share, rate, step, rate * a)


@steps_needed.mistake
def every_direction_alike(a, share, rate, step):
    """You are right about the orthogonal step. For plain gradient descent, your number does not depend on the scale.
    Print the error of every column after 10 steps: do all of them fall equally fast?"""
    return _by(a, share, rate, step, rate)


@steps_needed.mistake
def the_orthogonal_step_multiplies(a, share, rate, step):
    """You are right about the gradient. The orthogonal step, however, has the same length however small the error has
    become: it subtracts, and does not multiply."""
    kept = 1 - (rate * a**2 if step == "gradient" else rate)
    return math.ceil(math.log(share) / math.log(kept))


@steps_needed.mistake
def the_orthogonal_step_scaled(a, share, rate, step):
    """You are right about the gradient. In the orthogonal step, the singular values of the gradient have all been
    replaced by 1: does the scale of a direction still matter?"""
    return steps_needed(a, share, rate, step) if step == "gradient" else math.ceil((1 - share) / (rate * a))


@steps_needed.mistake
def rounded_down(a, share, rate, step):
    """Your formulas are right, and you rounded down. After that many steps, a little more than the wanted share is
    left."""
    needed = math.log(share) / math.log(1 - rate * a**2) if step == "gradient" else (1 - share) / rate
    return math.floor(needed)


@steps_needed.mistake
def one_more_than_rounded_down(a, share, rate, step):
    """Your formulas are right, and you add 1 to what you rounded down. Where the quotient is a whole number, that many
    steps suffice."""
    needed = math.log(share) / math.log(1 - rate * a**2) if step == "gradient" else (1 - share) / rate
    return math.floor(needed) + 1


@steps_needed.mistake
def the_whole_way(a, share, rate, step):
    """You are right about the gradient. The orthogonal step need not go the whole way: a share of the error may be
    left."""
    return steps_needed(a, share, rate, step) if step == "gradient" else math.ceil(1 / rate)


@steps_needed.mistake
def the_two_exchanged(a, share, rate, step):
    """You have both numbers, and each belongs to the other kind of step. Which of the two looks at how large the
    gradient is?"""
    return steps_needed(a, share, rate, "orthogonal" if step == "gradient" else "gradient")


@steps_needed.mistake
def as_if_it_were_continuous(a, share, rate, step):
    """You are right about the orthogonal step. For the gradient you use an exponential in the place of a power: that is
    near where the rate times a² is small, and too few or too many steps where it is not."""
    return math.ceil(-math.log(share) / (rate * a**2)) if step == "gradient" else math.ceil((1 - share) / rate)


@steps_needed.mistake
def a_share_of_the_loss(a, share, rate, step):
    """You wait until that share of the *loss* is left, which is the square of the error (or the other way round: you
    took a root). The exercise asks for a share of the error itself."""
    return steps_needed(a, share**0.5, rate, step)


@steps_needed.mistake
def the_squared_share(a, share, rate, step):
    """You wait until the square of that share is left. The exercise asks for a share of the error itself."""
    return steps_needed(a, share**2, rate, step)


@steps_needed.mistake
def rounded_to_the_nearest(a, share, rate, step):
    """Your formulas are right, and you rounded to the nearest whole number. After that many steps, sometimes a little
    more than the wanted share is left."""
    return round(math.log(share) / math.log(1 - rate * a**2) if step == "gradient" else (1 - share) / rate)


@steps_needed.mistake
def one_step_more(a, share, rate, step):
    """You are one step too late. Before the first step, all of the error is there: how many steps have been made when
    you stop?"""
    return steps_needed(a, share, rate, step) + 1


@steps_needed.mistake
def what_is_left_for_what_is_gone(a, share, rate, step):
    """You are right about the gradient. With the orthogonal step you wait until that share is *gone*; it is the share
    that may be left."""
    return steps_needed(a, share, rate, step) if step == "gradient" else math.ceil(share / rate)


@steps_needed.mistake
def the_gradient_twice_as_large(a, share, rate, step):
    """You are right about the orthogonal step. Your gradient is twice as large as it is: the loss is *half* the sum of
    squares."""
    if step == "gradient" and 2 * rate * a**2 >= 1:
        return 1
    return _by(a, share, rate, step, 2 * rate * a**2)
