"""Exercises of chapter 05: from a distribution to a token."""

import math

import numpy as np
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
        256: "You squared the ratio twice. T divides both logits, and so their difference, once.",
        0.64: "That is the larger probability to the power of 1/T. What about the smaller one, by which it is divided?",
        0.04: "That is the smaller probability to the power of 1/T. How many times as large does the other become?",
        math.exp(
            0.6 / 0.5
        ): "You took the probabilities for logits. A logit is the logarithm of a probability, but for a constant: "
        "what is the difference of the two logarithms?",
        math.exp(
            0.6
        ): "You took the probabilities for logits, and the temperature is not used. What is the difference of their "
        "logarithms?",
        1 / 16: "That is how many times as likely the second is. The question asks about the first.",
        1 / 17: "That is the probability of the second. How many times as likely as it is the first?",
        32: "You multiplied by 1/T after you had squared the ratio. T acts once.",
        64: "You cubed the ratio. By which factor does the difference of the logits grow?",
        1.6: "You divided the probability by T, and the result is larger than 1. T divides the logits.",
    },
)


def logits_and_temperatures(generator):
    """Few tokens and many, warm, cold and zero; the last would overflow an exponential, in double precision, in which
    subtracting their logsumexp loses nothing."""
    yield torch.tensor([0.0, 1.0]), 1.0
    yield torch.tensor([0.0, 1.0, 3.0]), 2.0
    yield torch.tensor([2.0, -1.0, 0.5]), 0.5
    yield torch.tensor([1.0, 4.0, 2.0]), 0.0
    yield torch.tensor([0.25, 0.125, 0.375]), 0.0  # so near that a small temperature is not yet zero
    yield torch.from_numpy(generator.normal(size=12)), 0.7
    yield torch.tensor([4000.0, 4001.0, 3999.0], dtype=torch.float64), 1.0
    yield torch.tensor([4000.0, 4001.0, 3999.0], dtype=torch.float64), 0.5


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


@temperature_probabilities.mistake(
    give={
        "everything to the token with the smallest logit": lambda z: torch.nn.functional.one_hot(z.argmin(), len(z)).to(
            z.dtype
        ),
        "the same to every token": lambda z: torch.full_like(z, 1 / len(z)),
        "the token itself, and no distribution": lambda z: z.argmax(),
        "all zeros": torch.zeros_like,
        "the largest logit instead of 1": lambda z: torch.where(z == z.max(), z, 0.0),
        "the softmax at temperature 1": lambda z: z.softmax(dim=0),
        "the logits themselves": lambda z: z,
        "the value of the largest logit": lambda z: z.max(),
    }
)
def another_case_of_zero(logits, temperature, *, give):
    """Right wherever T is above 0. At 0 you give {give}. As T goes to 0, the likeliest token gets everything: a
    distribution with a single 1."""
    return give(logits) if temperature == 0 else temperature_probabilities(logits, temperature)


@temperature_probabilities.mistake(small=["0.1", "0.01"])
def a_small_temperature_for_zero(logits, temperature, *, small):
    """Right wherever T is above 0. At 0 you use {small} in its place, and a token that is nearly as likely as the first
    keeps a part. At 0 the likeliest token gets everything."""
    return temperature_probabilities(logits, max(temperature, float(small)))


@temperature_probabilities.mistake
def a_power_that_is_not_scaled(logits, temperature):
    """You raise the probabilities to the power 1/T, and then they no longer sum to 1. Divide them by their sum."""
    if temperature == 0:
        return _greedy(logits)
    return torch.softmax(logits, dim=0) ** (1 / temperature)


@temperature_probabilities.mistake
def the_exponentials_themselves(logits, temperature):
    """You take the exponentials and do not divide by their sum, so they are no distribution."""
    if temperature == 0:
        return _greedy(logits)
    return torch.exp((logits - logits.max()) / temperature)


@temperature_probabilities.mistake
def logarithms_returned(logits, temperature):
    """You return the logarithms of the probabilities."""
    if temperature == 0:
        return _greedy(logits)
    return torch.log_softmax(logits / temperature, dim=0)


@temperature_probabilities.mistake
def softmax_taken_twice(logits, temperature):
    """You take a softmax of a softmax. The temperature divides the *logits*, and one softmax makes probabilities of
    them."""
    if temperature == 0:
        return _greedy(logits)
    return torch.softmax(torch.softmax(logits, dim=0) / temperature, dim=0)


def distributions_and_masses(generator):
    """Small distributions without ties; a first token that is larger than p; p = 1."""
    yield torch.tensor([0.7, 0.3]), 0.5
    yield torch.tensor([0.2, 0.5, 0.3]), 0.6
    yield torch.tensor([0.05, 0.6, 0.1, 0.25]), 0.8
    yield torch.tensor([0.1, 0.15, 0.05, 0.7]), 0.6  # one token is enough
    yield torch.tensor([0.3, 0.05, 0.25, 0.4]), 0.9
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


@top_p_probabilities.mistake
def in_the_order_of_the_vocabulary(probabilities, p):
    """You add up in the order of the vocabulary. The nucleus starts with the likeliest token, and then takes the next
    likely."""
    return _kept(probabilities, probabilities.cumsum(dim=0) - probabilities < p)


@top_p_probabilities.mistake
def softmax_of_what_is_left(probabilities, p):
    """You take a softmax of what is left, which gives something even to the tokens that were deleted. Divide the kept
    probabilities by their sum."""
    return torch.where(_ahead(probabilities) < p, probabilities, 0.0).softmax(dim=0)


@top_p_probabilities.mistake
def softmax_of_the_kept(probabilities, p):
    """You take a softmax of the kept probabilities, which changes their ratios. Divide them by their sum."""
    return torch.where(_ahead(probabilities) < p, probabilities, -torch.inf).softmax(dim=0)


@top_p_probabilities.mistake
def the_rest_in_equal_parts(probabilities, p):
    """You give what was deleted in equal parts to the kept tokens. Dividing by the sum leaves their ratios as they
    were."""
    keep = _ahead(probabilities) < p
    return torch.where(keep, probabilities + probabilities[~keep].sum() / keep.sum(), 0.0)


@top_p_probabilities.mistake
def the_rest_to_the_likeliest(probabilities, p):
    """You give what was deleted to the likeliest token. Dividing by the sum leaves the ratios of the kept ones as they
    were."""
    keep = _ahead(probabilities) < p
    return torch.where(keep, probabilities, 0.0) + _greedy(probabilities) * probabilities[~keep].sum()


@top_p_probabilities.mistake
def divided_by_p(probabilities, p):
    """You divide by p. The kept tokens reach p together and mostly pass it, so their sum is another number: divide by
    that."""
    return torch.where(_ahead(probabilities) < p, probabilities, 0.0) / p


@top_p_probabilities.mistake
def two_at_least(probabilities, p):
    """You keep two tokens at least. Where the likeliest reaches p alone, it stands alone."""
    second = probabilities.sort(descending=True).values[1]
    return _kept(probabilities, (_ahead(probabilities) < p) | (probabilities >= second))


@top_p_probabilities.mistake(way={"up": math.ceil, "down": math.floor})
def a_share_of_the_tokens(probabilities, p, *, way):
    """You keep a share p of the *number* of tokens, rounded {way}. Top-p asks for a share of the probability."""
    number = max(way(p * len(probabilities)), 1)
    return _kept(probabilities, probabilities >= probabilities.sort(descending=True).values[number - 1])


@top_p_probabilities.mistake
def one_token_more(probabilities, p):
    """You keep one token more than are needed to reach p."""
    least = probabilities[_ahead(probabilities) < p].min()
    rest = probabilities[probabilities < least]
    return _kept(probabilities, probabilities >= (rest.max() if len(rest) else least))


@top_p_probabilities.mistake
def each_compared_with_p(probabilities, p):
    """You compare each probability with p by itself. Top-p asks about a sum: the kept tokens reach p together."""
    return _kept(probabilities, probabilities >= p)


@top_p_probabilities.mistake
def the_deleted_kept(probabilities, p):
    """You keep the tokens that should be deleted, and delete the nucleus."""
    return _kept(probabilities, _ahead(probabilities) >= p)


@top_p_probabilities.mistake
def the_places_returned(probabilities, p):
    """You return which tokens are kept. What is asked for is a distribution over all tokens, 0 for the deleted ones."""
    return _ahead(probabilities) < p


def distributions_and_numbers(generator):
    """Numbers inside each stretch, at the very start of one, and in a distribution with an impossible token."""
    yield torch.tensor([0.5, 0.5]), 0.25
    yield torch.tensor([0.5, 0.5]), 0.5
    yield torch.tensor([0.5, 0.25, 0.25]), 0.0
    yield torch.tensor([0.25, 0.5, 0.25]), 0.9
    yield torch.tensor([0.125, 0.0, 0.125, 0.75]), 0.125
    yield torch.tensor([0.125, 0.5, 0.125, 0.25]), 0.7
    yield torch.tensor([0.125, 0.25, 0.5, 0.125]), 0.95
    yield torch.tensor([0.75, 0.125, 0.125]), 0.7
    yield torch.tensor([0.125, 0.125, 0.75]), 0.3
    yield torch.tensor([0.0625, 0.25, 0.1875, 0.375, 0.125]), 0.55
    yield torch.tensor([0.0625, 0.25, 0.1875, 0.375, 0.125]), 0.2
    yield torch.tensor([0.0625, 0.25, 0.1875, 0.375, 0.125]), 0.45


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


@draw.mistake
def softmax_first(probabilities, u):
    """You take a softmax of the probabilities, which makes your stretches nearly equally long. What are the
    probabilities already, so that no softmax is needed?"""
    return draw(probabilities.softmax(dim=0), u)


@draw.mistake
def the_likeliest_owns_the_first_part(probabilities, u):
    """You lay the tokens out by their probability, the likeliest first, and map the place back. That draws with the
    right probabilities, but the exercise fixes the order: token 0 owns the first part."""
    order = probabilities.argsort(descending=True)
    return int(order[(probabilities[order].cumsum(dim=0) <= u).sum()])


@draw.mistake
def the_nearest_probability(probabilities, u):
    """You take the token whose probability is nearest to u. u is no probability: it is a place on the interval on which
    the tokens lie end to end."""
    return int((probabilities - u).abs().argmin())


@draw.mistake
def one_too_near(probabilities, u):
    """You are one token too near: you take the last stretch that *ends* before u. u lies in the stretch after it."""
    return max(int((probabilities.cumsum(dim=0) <= u).sum()) - 1, 0)


@draw.mistake
def from_the_other_end(probabilities, u):
    """You lay the tokens out from the last to the first. Token 0 owns the first part of the interval."""
    ends = probabilities.flip(0).cumsum(dim=0)
    return len(probabilities) - 1 - int((ends <= u).sum())


@draw.mistake
def the_nearest_end(probabilities, u):
    """You take the token whose end is nearest to u. u may lie in a long stretch, far from its end: which stretch
    *holds* u?"""
    return int((probabilities.cumsum(dim=0) - u).abs().argmin())


@draw.mistake
def the_first_part_taken_off_each_time(probabilities, u):
    """You do not take off u the part that was just passed: each time it is that of token 0. Either subtract the stretch
    of the token at hand, or add the parts up."""
    for token in range(len(probabilities)):
        if u < probabilities[token] + probabilities[0] * token:
            return token
    return len(probabilities) - 1


@draw.mistake(seed=["0", "1", "42"])
def a_number_of_its_own(probabilities, u, *, seed):
    """You ignore u and draw with a generator of your own (seed {seed}). u *is* the random number: the same u must
    always select the same token."""
    return int((probabilities.double().cumsum(dim=0) <= np.random.default_rng(int(seed)).random()).sum())


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
        2: "You let the text repeat itself at once, which is possible but not the longest.",
        400: "That is a number of characters that were written, many of them more than once. The question asks what "
        "comes before the first repetition.",
        144: "You let every character stand twice. When one stands a second time, the loop is closed.",
        36: "You counted pairs, or one half of the characters. All of them may be different.",
        74: "You counted too far. How many characters stand before the first repetition?",
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
    yield logits, targets, [4.0, 2.0, 3.0, 0.5, 0.25]
    same = torch.tensor([[0.0, 2.0, 1.0]]).repeat(9, 1)
    yield same, torch.tensor([0, 1, 1, 1, 2, 1, 1, 1, 1]), [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0]
    for row, came in (([0.0, 2.0, 1.0], [2, 2, 2, 2, 2, 1, 1, 1, 0]), ([0.0, 4.0, 3.0], [2, 2, 2, 2, 2, 1, 1, 1, 1])):
        yield torch.tensor([row]).repeat(9, 1), torch.tensor(came), [4.0, 0.5, 1.0, 2.0, 8.0, 0.25]  # worst on top
    for scale, rows in ((1.0, 8), (3.0, 12), (0.5, 16)):
        yield logits[:rows] * scale, targets[:rows], [0.3, 0.6, 0.2, 0.9, 1.5, 1.2, 2.0, 2.5, 3.0, 5.0, 1.0, 0.1]


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


@best_temperature.mistake(division={"before both": True, "between the two": False})
def softmax_before_the_loss(logits, targets, temperatures, *, division):
    """Your cost takes a softmax twice, with the division by T {division}. A cross-entropy takes a softmax of its own:
    what does it expect to be given?"""

    def mean(T):
        p = (logits / T if division else logits).softmax(dim=-1)
        return _costs(p, targets, 1.0 if division else T).mean()

    return min(temperatures, key=mean)


@best_temperature.mistake(
    middle={
        "the lower of the two in the middle": torch.median,
        "halfway between the two in the middle": lambda costs: costs.quantile(0.5),
    }
)
def median_cost(logits, targets, temperatures, *, middle):
    """You take the median of the costs, which is {middle} where their number is even. It does not see how large the
    worst of them are. The score is their mean."""
    return min(temperatures, key=lambda T: middle(_costs(logits, targets, T)))


@best_temperature.mistake
def least_entropy(logits, targets, temperatures):
    """This is always the coldest temperature. If you divide the probabilities by T: then they sum to 1 no more, and the
    smallest T wins; T divides the *logits*. If you look for the distributions that are most certain: did you use the
    targets? The cost is that of the tokens that came next."""
    return min(temperatures)


@best_temperature.mistake
def the_place_in_the_list(logits, targets, temperatures):
    """You return the place of the best temperature in the list. The temperature itself is asked for."""
    return temperatures.index(best_temperature(logits, targets, temperatures))


@best_temperature.mistake
def the_cost_returned(logits, targets, temperatures):
    """You return the lowest cost. The temperature at which it is reached is asked for."""
    return _costs(logits, targets, best_temperature(logits, targets, temperatures)).mean()


@best_temperature.mistake
def softmax_over_the_examples(logits, targets, temperatures):
    """Your softmax runs over the examples. Each row of the logits is one prediction, and its V probabilities sum to
    1."""
    rows = torch.arange(len(targets))
    return min(temperatures, key=lambda T: -(logits / T).log_softmax(dim=0)[rows, targets].mean())


@best_temperature.mistake
def the_first_valley(logits, targets, temperatures):
    """You stop as soon as the cost rises, as if the temperatures were sorted. The list may have any order: try all of
    them."""
    best = temperatures[0]
    for temperature in temperatures[1:]:
        if _costs(logits, targets, temperature).mean() > _costs(logits, targets, best).mean():
            break
        best = temperature
    return best


@best_temperature.mistake
def targets_shifted(logits, targets, temperatures):
    """You move the targets by one place. They already *are* the tokens that came next: row i of the logits belongs to
    target i."""
    if len(targets) < 2:
        return temperatures[0]
    return best_temperature(logits[:-1], targets[1:], temperatures)


@best_temperature.mistake
def the_warmest(logits, targets, temperatures):
    """This is always the warmest temperature. If you average -ln p over all tokens of the vocabulary: that mean is
    lowest where the distribution is flattest, and only the token that came has a cost."""
    return max(temperatures)
