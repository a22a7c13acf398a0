"""Exercises of chapter 05: from a distribution to a token."""

import torch

from transformer_lib.exercises.engine import Question, exercise

colder = Question(
    "05.colder",
    16,
    hint="What does dividing the logits by T do to a ratio of probabilities? It is e to the power of a difference.",
    mistakes={
        4: "That is the ratio at temperature 1. A lower temperature increases the contrast between likely and unlikely "
        "tokens.",
        8: "You multiplied the ratio by 1/T. However, T divides the *logits*, and a ratio of probabilities is e to the "
        "power of their difference.",
        2: "The ratio moved the wrong way: this is what temperature 2 does. A temperature below 1 sharpens, so the "
        "ratio grows.",
        16 / 17: "That is the probability of the first. How many times as likely as the second is it?",
        1.6: "You divided the probability by T, and the result is larger than 1. T divides the logits.",
    },
)


def logits_and_temperatures(generator):
    """Few tokens and many, warm, cold and zero; the last would overflow an exponential."""
    yield torch.tensor([0.0, 1.0]), 1.0
    yield torch.tensor([0.0, 1.0, 3.0]), 2.0
    yield torch.tensor([2.0, -1.0, 0.5]), 0.5
    yield torch.tensor([1.0, 4.0, 2.0]), 0.0
    yield torch.from_numpy(generator.normal(size=12)), 0.7
    yield torch.tensor([4000.0, 4001.0, 3999.0]), 1.0
    yield torch.tensor([4000.0, 4001.0, 3999.0]), 0.5


def _greedy(logits):
    return torch.nn.functional.one_hot(logits.argmax(), len(logits)).to(logits.dtype)


@exercise("05.temperature_probabilities", inputs=logits_and_temperatures)
def temperature_probabilities(logits, temperature):
    """Divide, subtract the largest, exponentiate, normalise."""
    if temperature == 0:
        return _greedy(logits)
    return torch.softmax(logits / temperature, dim=0)


@temperature_probabilities.mistake
def temperature_ignored(logits, temperature):
    """This is a softmax of the logits, and the temperature makes no difference to it. Where in the formula does T
    act?"""
    return torch.softmax(logits, dim=0)


@temperature_probabilities.mistake
def the_largest_subtracted_before_dividing(logits, temperature):
    """You subtract the largest logit from logits that are already divided by T. Which number must be subtracted so
    that the largest exponent is 0?"""
    if temperature == 0:
        return _greedy(logits)
    z = torch.exp(logits / temperature - logits.max())
    return z / z.sum()


@temperature_probabilities.mistake
def temperature_multiplied(logits, temperature):
    """You multiply by the temperature, so your distribution becomes sharper as T grows, and uniform at 0. It should be
    the other way around: which operation shrinks the differences between logits as T grows?"""
    return torch.softmax(logits * temperature, dim=0)


@temperature_probabilities.mistake
def probabilities_divided_instead_of_logits(logits, temperature):
    """You divide the probabilities by T and then scale them to sum to 1, which undoes the division, so the temperature
    has no effect. It must act before the exponential."""
    if temperature == 0:
        return _greedy(logits)
    p = torch.softmax(logits, dim=0) / temperature
    return p / p.sum()


@temperature_probabilities.mistake
def power_not_inverted(logits, temperature):
    """You raise the probabilities to the power T. Dividing the logits by T raises them to a different power: at T = 2,
    a ratio greater than 1 should become smaller."""
    if temperature == 0:
        return _greedy(logits)
    p = torch.softmax(logits, dim=0) ** temperature
    return p / p.sum()


@temperature_probabilities.mistake
def zero_not_handled(logits, temperature):
    """Right wherever T is above 0. At 0 you divide by zero, and the result is not a number, so T = 0 needs a case of
    its own."""
    return torch.softmax(logits / temperature, dim=0)


@temperature_probabilities.mistake
def the_exponential_overflows(logits, temperature):
    """Right for small logits. e to the power of 4000 is infinite, and infinity divided by infinity is not a
    number. A softmax does not change when all logits move by the same amount: which amount helps?"""
    if temperature == 0:
        return _greedy(logits)
    z = torch.exp(logits / temperature)
    return z / z.sum()


def distributions_and_masses(generator):
    """Small distributions without ties; a first token that is larger than p; p = 1."""
    yield torch.tensor([0.7, 0.3]), 0.5
    yield torch.tensor([0.2, 0.5, 0.3]), 0.6
    yield torch.tensor([0.05, 0.6, 0.1, 0.25]), 0.8
    yield torch.tensor([0.15, 0.25, 0.6]), 1.0
    yield torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64), 1.0  # whose running sum falls short of 1
    yield torch.tensor([0.1875, 0.5, 0.3125]), 0.5
    yield torch.from_numpy(generator.dirichlet([0.5] * 10)), 0.9


def _kept(probabilities, keep):
    kept = torch.where(keep, probabilities, torch.zeros_like(probabilities))
    return kept / kept.sum()


def _ahead(probabilities):
    """The mass of all tokens that are likelier than each."""
    return (probabilities * (probabilities > probabilities[:, None])).sum(dim=1)


@exercise("05.top_p_probabilities", inputs=distributions_and_masses)
def top_p_probabilities(probabilities, p):
    """Keep a token if those likelier than it have not reached p yet."""
    return _kept(probabilities, _ahead(probabilities) < p)


@top_p_probabilities.mistake
def the_crossing_token_dropped(probabilities, p):
    """You keep tokens as long as their sum stays within p, so the kept ones fall short of it, and where the
    first token alone is larger than p nothing is left. The token that crosses p belongs to the nucleus."""
    return _kept(probabilities, _ahead(probabilities) + probabilities <= p + 1e-12)


@top_p_probabilities.mistake
def one_more_at_an_exact_hit(probabilities, p):
    """Right unless the likeliest tokens sum to exactly p. Then they reach it already, and you keep one more. Should
    a token stay whose predecessors have reached p?"""
    return _kept(probabilities, _ahead(probabilities) <= p)


@top_p_probabilities.mistake
def not_scaled_up(probabilities, p):
    """The right tokens are kept, but what is left sums to less than 1. It has to be a distribution again."""
    return torch.where(_ahead(probabilities) < p, probabilities, torch.zeros_like(probabilities))


@top_p_probabilities.mistake
def in_sorted_order(probabilities, p):
    """The right numbers in the wrong places: yours are sorted. A token's id is its place, so what was computed
    in sorted order has to go back to where it came from."""
    return top_p_probabilities(probabilities, p).sort(descending=True).values


@top_p_probabilities.mistake
def the_unlikely_kept(probabilities, p):
    """You collect from the unlikely end, because a sort is ascending by default. The nucleus starts with the
    likeliest token."""
    behind = (probabilities * (probabilities < probabilities[:, None])).sum(dim=1)
    return _kept(probabilities, behind < p)


@top_p_probabilities.mistake
def each_compared_with_one_minus_p(probabilities, p):
    """You look at each token by itself and keep it if its probability is at least 1 - p. Top-p asks about a sum:
    the kept tokens reach p together."""
    return _kept(probabilities, probabilities >= 1 - p)


def distributions_and_numbers(generator):
    """Numbers inside each stretch, at the very start of one, and in a distribution with an impossible token."""
    yield torch.tensor([0.5, 0.5]), 0.25
    yield torch.tensor([0.5, 0.5]), 0.5
    yield torch.tensor([0.5, 0.25, 0.25]), 0.0
    yield torch.tensor([0.25, 0.5, 0.25]), 0.9
    yield torch.tensor([0.125, 0.0, 0.125, 0.75]), 0.125
    yield torch.tensor([0.125, 0.5, 0.125, 0.25]), 0.7
    yield torch.tensor([0.125, 0.25, 0.5, 0.125]), 0.95


@exercise("05.draw", inputs=distributions_and_numbers)
def draw(probabilities, u):
    """Count the stretches that end at or before u."""
    return int((torch.cumsum(probabilities, dim=0) <= u).sum())


@draw.mistake
def always_the_likeliest(probabilities, u):
    """That is greedy decoding, to which u makes no difference. Lay the probabilities end to end along [0, 1). Where
    does u fall?"""
    return int(probabilities.argmax())


@draw.mistake
def the_first_at_least_as_likely_as_u(probabilities, u):
    """You compare u with each probability by itself. The stretch of a token begins where the one before it
    ends, so u must be compared with the *sums*."""
    longer = (probabilities > u).nonzero()
    return int(longer[0]) if len(longer) else len(probabilities) - 1


@draw.mistake
def sorted_first(probabilities, u):
    """You put the likeliest token first. Token 0 owns the first part of the interval here, however likely it is:
    keep the tokens in their own order, or map the place back to the token that stood there."""
    return int((torch.cumsum(probabilities.sort(descending=True).values, dim=0) <= u).sum())


@draw.mistake
def the_boundary_on_the_wrong_side(probabilities, u):
    """Right unless u falls exactly where one stretch ends and the next begins. The interval of u is [0, 1): it
    holds its start and not its end, and so does each stretch. As it is, a token with probability 0 can be
    drawn."""
    return int((torch.cumsum(probabilities, dim=0) < u).sum())


@draw.mistake
def one_too_far(probabilities, u):
    """You are one token too far, as if the count began at 1, or as if a token's stretch began where it ends."""
    return int((torch.cumsum(probabilities, dim=0) <= u).sum()) + 1


@draw.mistake
def u_scaled_to_the_vocabulary(probabilities, u):
    """In your version every token owns a stretch of the same length, and the probabilities are never used."""
    return int(u * len(probabilities))


longest_walk = Question(
    "05.longest_walk",
    72,
    hint="After the same character, greedy decoding always makes the same choice. How many different characters can "
    "stand in a row before one of them must recur?",
    mistakes={
        71: "You counted the steps. The character with which the text begins counts, too.",
        73: "You counted the repetition itself. How many characters stand before it?",
        5184: "That is how many *pairs* there are. A bigram model that sees the same single character again makes the "
        "same choice again.",
        1: "That would be a loop of one character, which is possible but not the longest.",
    },
)


def logits_and_targets(generator):
    """From one prediction and two temperatures on; the best is first, last, in the middle, and colder than 1."""
    yield torch.tensor([[0.0, 2.0]]), torch.tensor([1]), [2.0, 0.5]
    yield torch.tensor([[0.0, 2.0], [1.0, 0.0]]), torch.tensor([0, 0]), [0.5, 4.0]
    yield torch.tensor([[0.0, 3.0, 1.0], [2.0, 0.0, 1.0], [0.0, 1.0, 4.0]]), torch.tensor([1, 2, 2]), [0.25, 1.0, 8.0]
    logits = torch.from_numpy(generator.normal(size=(60, 5)))
    targets = torch.from_numpy((2 * logits.numpy() + generator.gumbel(size=(60, 5))).argmax(axis=1))
    yield logits, targets, [0.25, 0.5, 1.0, 2.0]
    yield 4 * logits, targets, [0.5, 1.0, 2.0, 4.0]
    yield logits, targets, [1.0, 4.0, 0.5, 0.25]


def _costs(logits, targets, temperature):
    return torch.nn.functional.cross_entropy(logits / temperature, targets, reduction="none")


@exercise("05.lab_temperature", inputs=logits_and_targets)
def best_temperature(logits, targets, temperatures):
    """The temperature with the lowest mean cost of what came next."""
    return min(temperatures, key=lambda temperature: _costs(logits, targets, temperature).mean())


@best_temperature.mistake
def logits_multiplied(logits, targets, temperatures):
    """You multiply the logits by the temperature, so that the one you return does the opposite of what you measured.
    Dividing by T is the definition."""
    return min(temperatures, key=lambda temperature: _costs(logits, targets, 1 / temperature).mean())


@best_temperature.mistake
def highest_cost(logits, targets, temperatures):
    """This temperature has the *highest* cost. Costs are -ln p, so lower is better."""
    return max(temperatures, key=lambda temperature: _costs(logits, targets, temperature).mean())


@best_temperature.mistake
def most_right_on_top(logits, targets, temperatures):
    """You count how often the right token is the likeliest. No temperature changes the order of the tokens, so this
    count is the same for all. Average the cost of the right token, -ln p."""
    return temperatures[0]


@best_temperature.mistake
def mean_probability(logits, targets, temperatures):
    """You average the probability of the right token. The mean of -ln p is a different quantity: one token with a
    probability near zero makes it very large."""

    def negative_mean(temperature):
        p = (logits / temperature).softmax(dim=-1)
        return -p[torch.arange(len(targets)), targets].mean()

    return min(temperatures, key=negative_mean)


@best_temperature.mistake
def least_entropy(logits, targets, temperatures):
    """This is the coldest temperature, the one at which the distributions are most certain of themselves. Did you
    use the targets? The cost is that of the tokens that came next."""
    return min(temperatures)
