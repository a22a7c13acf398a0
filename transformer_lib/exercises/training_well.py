"""Exercises of chapter 18: comparing runs fairly, batches and their noise, clipping, rates and sizes, an alarm."""

import statistics

import torch

from transformer_lib.exercises.engine import Question, exercise


def scores_of_seeds(generator):
    """Two seeds; seeds that differ far more than the two settings; settings that do not differ on average."""
    yield [3.0, 3.5], [2.9, 3.3]
    yield [3.0, 3.5, 4.0, 3.2], [2.9, 3.41, 3.92, 3.09]
    yield [2.0, 2.2, 2.1], [2.1, 2.1, 2.1]
    for n in (5, 8):
        base = generator.normal(3, 0.3, size=n)
        yield base.tolist(), (base + generator.normal(0.05, 0.02, size=n)).tolist()


@exercise(
    "18.paired",
    inputs=scores_of_seeds,
    hint="Take the differences first, one for each seed. Then it is a question about a single list of numbers.",
)
def paired(base, changed):
    """The mean of the differences, and the standard error of that mean."""
    gaps = [new - old for old, new in zip(base, changed, strict=True)]
    return sum(gaps) / len(gaps), statistics.stdev(gaps) / len(gaps) ** 0.5


@paired.mistake
def unpaired(base, changed):
    """You added the spreads of both settings. What both runs of a seed have in common, their first weights and their
    text, is in both scores and falls out of each difference."""
    error = (statistics.variance(base) / len(base) + statistics.variance(changed) / len(base)) ** 0.5
    return sum(changed) / len(base) - sum(base) / len(base), error


@paired.mistake
def spread_of_one_seed(base, changed):
    """That is how far a single seed lies from the mean. How far does a mean of n seeds lie from the true one?"""
    gaps = [new - old for old, new in zip(base, changed, strict=True)]
    return sum(gaps) / len(gaps), statistics.stdev(gaps)


@paired.mistake
def divided_by_n(base, changed):
    """You divided the squared deviations by n. They are deviations from a mean of these same numbers, which lies closer
    to them than the true mean does."""
    gaps = [new - old for old, new in zip(base, changed, strict=True)]
    return sum(gaps) / len(gaps), statistics.pstdev(gaps) / len(gaps) ** 0.5


@paired.mistake
def error_divided_by_n(base, changed):
    """You divided the standard deviation by n. Of a mean of n numbers it is the variance that is divided by n."""
    gaps = [new - old for old, new in zip(base, changed, strict=True)]
    return sum(gaps) / len(gaps), statistics.stdev(gaps) / len(gaps)


@paired.mistake
def the_variance_of_the_mean(base, changed):
    """That is the variance of the mean, in squared bits. Which number is in bits?"""
    gaps = [new - old for old, new in zip(base, changed, strict=True)]
    return sum(gaps) / len(gaps), statistics.variance(gaps) / len(gaps)


def gradients_to_clip(generator):
    """One number; a pair that is long together; one that is short; several shapes; zeros."""
    draw = lambda *shape: torch.from_numpy(generator.normal(size=shape))  # noqa: E731
    yield [torch.tensor([6.0], dtype=torch.float64)], 2.0
    yield [torch.tensor([3.0], dtype=torch.float64), torch.tensor([[4.0]], dtype=torch.float64)], 4.5
    yield [torch.tensor([0.3, 0.4], dtype=torch.float64)], 1.0
    yield [10 * draw(2, 3), draw(4), 0.1 * draw(3, 1)], 1.0
    yield [0.01 * draw(2, 2), 0.01 * draw(3)], 1.0
    yield [torch.zeros(2, dtype=torch.float64)], 1.0


def _norm(gradients):
    return sum(gradient.square().sum() for gradient in gradients).sqrt()


@exercise(
    "18.clipped",
    inputs=gradients_to_clip,
    hint="All gradients together are one long vector. How long is it, and by which one factor does it have to shrink?",
)
def clipped(gradients, max_norm):
    """All by one factor, and only if they are too long together."""
    norm = _norm(gradients)
    return [gradient * min(1.0, max_norm / float(norm)) if norm else gradient for gradient in gradients]


@clipped.mistake
def each_by_itself(gradients, max_norm):
    """You shortened each tensor by itself. Their lengths relative to one another change then, and with them the
    direction of the step."""
    return [g * min(1.0, max_norm / float(g.norm())) if g.norm() else g for g in gradients]


@clipped.mistake
def each_number(gradients, max_norm):
    """You cut off each number. The vector then points somewhere else, towards a corner of a cube."""
    return [gradient.clamp(-max_norm, max_norm) for gradient in gradients]


@clipped.mistake
def always(gradients, max_norm):
    """You brought every gradient to this length, the short ones too. Near a minimum that makes them louder."""
    norm = _norm(gradients)
    return [gradient * max_norm / norm if norm else gradient for gradient in gradients]


@clipped.mistake
def by_the_square(gradients, max_norm):
    """You divided by the sum of squares. The length is its root."""
    square = float(_norm(gradients) ** 2)
    return [gradient * min(1.0, max_norm / square) if square else gradient for gradient in gradients]


@clipped.mistake
def by_the_sum_of_norms(gradients, max_norm):
    """You added the lengths of the tensors. Vectors at right angles are added by their squares."""
    total = float(sum(gradient.norm() for gradient in gradients))
    return [gradient * min(1.0, max_norm / total) if total else gradient for gradient in gradients]


def gradients_of_batches(generator):
    """Two batches of two examples; more of them, nearly alike; many, nearly noise."""
    yield torch.tensor([[3.0, 0.0], [1.0, 2.0]], dtype=torch.float64), 2
    for n, size, noise in ((4, 1, 0.3), (8, 16, 1.0), (32, 4, 0.5)):
        common = torch.from_numpy(generator.normal(size=6))
        yield common + noise * torch.from_numpy(generator.normal(size=(n, 6))), size


@exercise(
    "18.noise_scale",
    inputs=gradients_of_batches,
    hint="Two equations with two unknowns: the mean squared length of a gradient of b examples is |G|^2 + S / b, and "
    "that of the mean of n such gradients is |G|^2 + S / (n b).",
)
def noise_scale(gradients, size):
    """S / |G|^2, both without bias."""
    n = len(gradients)
    small, large = gradients.square().sum(dim=1).mean(), gradients.mean(dim=0).square().sum()
    noise = (small - large) / (1 / size - 1 / (n * size))
    signal = (n * small.new_ones(()) * large - small) / (n - 1)
    return float(noise / signal)


@noise_scale.mistake
def signal_with_its_noise(gradients, size):
    """You took the squared length of the mean gradient for |G|^2. Some of it is noise that n batches did not average
    out."""
    n = len(gradients)
    small, large = gradients.square().sum(dim=1).mean(), gradients.mean(dim=0).square().sum()
    return float((small - large) / (1 / size - 1 / (n * size)) / large)


@noise_scale.mistake
def in_batches(gradients, size):
    """That is in batches. How many examples is a batch?"""
    n = len(gradients)
    small, large = gradients.square().sum(dim=1).mean(), gradients.mean(dim=0).square().sum()
    return float((small - large) / (1 - 1 / n) / ((n * large - small) / (n - 1)))


@noise_scale.mistake
def upside_down(gradients, size):
    """That is the signal divided by the noise. The noisier the gradients, the larger a batch should pay."""
    return 1 / noise_scale.reference(gradients, size)


@noise_scale.mistake
def mean_gradient_is_noiseless(gradients, size):
    """You treated the mean gradient as free of noise, in both places: its noise is S / (n b)."""
    small, large = gradients.square().sum(dim=1).mean(), gradients.mean(dim=0).square().sum()
    return float((small - large) * size / large)


@noise_scale.mistake
def lengths_not_squared(gradients, size):
    """You averaged lengths. It is the squares of lengths that add up."""
    n = len(gradients)
    small, large = gradients.norm(dim=1).mean(), gradients.mean(dim=0).norm()
    return float((small - large) / (1 / size - 1 / (n * size)) / ((n * large - small) / (n - 1)))


windows_read = Question(
    "18.windows_read",
    60_000,
    hint="First the steps: how many more than the fewest does a run need whose batch is four times the critical one? "
    "Then the windows of so many steps.",
    mistakes={
        48_000: "You let the run take the fewest steps there are. Only a batch without end needs so few.",
        375: "Those are the steps. How many windows does each of them read?",
        240_000: "You exchanged the two ratios: 1 + B / B_crit multiplies the windows, and not the steps.",
        12_000: "That is the least that any batch has to read, and only a very small batch gets by with it.",
        15_000: "You counted critical batches. Each step reads 160 windows.",
        24_000: "At the critical batch it would be so many: twice the fewest steps, of 40 windows each.",
        96_000: "You doubled the steps. They double at the critical batch, and this one is larger.",
    },
)

steps_to_break_even = Question(
    "18.steps_to_break_even",
    15_000,
    hint="What does each step save? How often does that go into what compiling cost?",
    mistakes={
        2_000: "After so many steps the uncompiled run has spent what compiling cost. But the compiled run does not "
        "stand still from then on: each of its steps takes time, too.",
        2_308: "That is what the seconds of compiling are worth in compiled steps. What does one step save?",
        15: "You divided seconds by milliseconds. How many of these are a second?",
        30_000: "You let a step save a millisecond. What is the difference between the two prices of a step?",
        225: "Those are the seconds that the run without compiling takes until then. The question asks for steps.",
        195: "Those are the seconds that the compiled run trains for. The question asks for steps.",
    },
    rtol=2e-3,
)

best_size_growth = Question(
    "18.best_size_growth",
    100 ** (0.28 / 0.62),
    hint="At the best size the two terms fall equally fast along the line on which N D is fixed: alpha A / N^alpha = "
    "beta B / D^beta. Put D = C / (6 N) in, and look at the power of N and of C.",
    mistakes={
        100 ** (0.34 / 0.62): "You exchanged the exponents: that is by how much the text grows. Where the text's term "
        "falls more slowly, beta is smaller, and more of the computation should go to the text.",
        10.0: "That would be so if both exponents were equal, and the size and the text grew alike.",
        100.0: "Then the text would not grow at all. Both have their share of the computation.",
        100**0.28: "You raised the computation to beta. The exponents of both terms decide.",
        100**0.34: "You raised the computation to alpha. The exponents of both terms decide.",
        0.28 / 0.62: "That is the power. By which factor does the size grow when the computation grows a hundredfold?",
    },
    rtol=0.01,
)

rate_at_512 = Question(
    "18.rate_at_512",
    0.0005,
    hint="In muP the rate of AdamW for a hidden matrix is divided by the factor by which its input grows.",
    mistakes={
        0.004: "That is the rate for what does not grow with the width of the input, such as embeddings, biases and "
        "norms. A hidden matrix sums over its input.",
        0.004 / 8**0.5: "You divided by the root. That is what happens to the size of the first weights.",
        0.032: "You multiplied. With more inputs, the same change of each weight moves the output further.",
        0.004 / 64: "You divided by 64. The new width is only eight times the old one, and that factor counts once.",
        0.004 / 512: "You divided by the new width. It counts from the width at which the rate was found.",
    },
    rtol=1e-3,
)


def norms_of_runs(generator):
    """A jump; none; a rise in two steps; long gradients at first; two jumps; an early one; a slow rise; many."""
    yield [1.0, 1.0, 1.0, 5.0, 1.0], 3, 2.0
    yield [1.0, 1.1, 0.9, 1.0, 1.2], 3, 2.0
    yield [1.0, 1.0, 1.0, 1.0, 1.9, 3.5], 4, 2.0
    yield [9.0, 9.0, 9.0, 9.0, 1.0, 1.0, 1.0, 1.0, 4.0], 4, 2.0
    yield [1.0, 2.0, 1.0, 1.5, 9.0, 30.0, 1.0], 3, 3.0
    yield [9.0, 1.0, 1.0, 1.0, 1.0, 2.5], 4, 2.0
    yield [1.0, 4.0, 4.0, 4.0, 7.0, 9.0], 4, 2.0
    yield [1.5**i for i in range(8)], 4, 2.0
    norms = generator.lognormal(0, 0.2, size=40)
    norms[[5, 25]] *= 6
    yield norms.tolist(), 8, 3.0


@exercise(
    "18.first_alarm",
    inputs=norms_of_runs,
    hint="For each step from number `window` on: the median of the `window` steps before it, without the step itself.",
)
def first_alarm(norms, window, factor):
    """The first step that is more than `factor` times the median of those just before it."""
    for step in range(window, len(norms)):
        if norms[step] > factor * statistics.median(norms[step - window : step]):
            return step
    return None


@first_alarm.mistake
def with_itself(norms, window, factor):
    """You let the step into its own median. An alarm compares with what was usual before."""
    for step in range(window, len(norms)):
        if norms[step] > factor * statistics.median(norms[step - window + 1 : step + 1]):
            return step
    return None


@first_alarm.mistake
def above_the_mean(norms, window, factor):
    """You compared with the mean. One early jump lifts the mean and hides the next one."""
    for step in range(window, len(norms)):
        if norms[step] > factor * statistics.mean(norms[step - window : step]):
            return step
    return None


@first_alarm.mistake
def above_the_step_before(norms, window, factor):
    """You compared with the one step before. A rise over several steps then gives no alarm."""
    for step in range(window, len(norms)):
        if norms[step] > factor * norms[step - 1]:
            return step
    return None


@first_alarm.mistake
def above_all_so_far(norms, window, factor):
    """You took the median of all steps so far. At the start of a run gradients are long, and that is forgotten late."""
    for step in range(window, len(norms)):
        if norms[step] > factor * statistics.median(norms[:step]):
            return step
    return None


@first_alarm.mistake
def the_last_one(norms, window, factor):
    """You went on to the last alarm. The first one is when you could have looked."""
    found = None
    for step in range(window, len(norms)):
        if norms[step] > factor * statistics.median(norms[step - window : step]):
            found = step
    return found


@first_alarm.mistake
def counted_from_one(norms, window, factor):
    """You counted the steps from 1. The first number of a list has the index 0."""
    step = first_alarm.reference(norms, window, factor)
    return step if step is None else step + 1
