"""Exercises of chapter 07: why scores are divided by √d_k."""

import math

import torch

from transformer_lib.exercises.engine import Question, exercise

which_scale = Question(
    "07.which_scale",
    10,
    hint="The divisor belongs to one dot product. How many components do the two vectors in it have, and what is the "
    "magnitude of a typical score of that width?",
    mistakes={
        math.sqrt(800): "You took the root of the width of the model. A dot product is taken inside one head: how many "
        "components does a query have there?",
        100: "That is the width of a head, and so the variance of a score. What is the magnitude of a typical score?",
        800: "That is the width of the whole model. A query is computed from that many numbers: how many does it have "
        "itself?",
        8: "That is the divisor of the 2017 model, whose heads are 64 wide, or the number of heads. How wide is a head "
        "here?",
        80: "You multiplied by the number of heads. Each head divides its own scores, and it is only 1/8 as wide as "
        "the model.",
        12.5: "You divided the width of a head by the number of heads once more. What is the magnitude of a score "
        "whose width is 100?",
        math.sqrt(100 / 8): "You divided by the number of heads twice. A head is 100 wide.",
        0.1: "You have the number by which the scores are multiplied. The question asks what they are divided by.",
        math.sqrt(8): "You took the root of the number of heads. The terms of a dot product are components of a query "
        "and a key: how many are there?",
        math.sqrt(800) / 8: "You took the root first and divided by the number of heads afterwards. Start with one "
        "head: how wide is it?",
    },
)

score_variance = Question(
    "07.score_variance",
    36,
    hint="Start with one product: its factors are independent with mean 0, so what is its variance? Then add the terms "
    "and divide last.",
    mistakes={
        2304: "You have the variance before the division. What does dividing a number by 8 do to its variance?",
        288: "You divided the variance by 8. The *scores* are divided by 8: by what is the mean of their squares "
        "divided?",
        6: "You have the standard deviation. The question asks for the variance.",
        13: "You added the two variances, which would be right for the sum of two independent numbers. Here a "
        "component of the query is *multiplied* by one of the key.",
        36 / 64: "You have the variance of one product, divided by 64. A score is a *sum* of 64 products.",
        36 / 8: "You have the variance of one product, divided by 8. A score is a *sum* of 64 products.",
        48: "You have the standard deviation before the division.",
        6 * 64: "You multiplied by the standard deviation of one product. Variances of independent terms add up.",
        1: "That would be the answer if every component had variance 1. How much louder are these?",
        832: "You added the two variances and have not divided yet. A component of the query is *multiplied* by one of "
        "the key.",
        1296: "You multiplied the variances as if they were standard deviations, and squared the result. A variance is "
        "a mean square already.",
    },
)

sensitivity = Question(
    "07.sensitivity",
    -0.054,
    hint="Which entry of the Jacobian matrix says how the first weight changes with the second score? Use the weights "
    "that belong to its row and its column.",
    mistakes={
        0.054: "The size is right. All weights sum to 1, and the second one grows: in which direction does the first "
        "one go?",
        0.0564: "You have the change of the *second* weight with its own score. The question is about the first: which "
        "entry is in its row?",
        0.09: "You have the change of the first weight with its *own* score. Here it is the second score that rises.",
        -0.0564: "You have the change of the second weight, with its sign reversed. The second weight gains from *two* "
        "others: how much of it from the first?",
        -0.06: "The first weight would lose as much as that if it were 1. Which factor is missing?",
        0.9
        * 0.94: "You multiplied one weight by one minus the other. That is for a weight and its *own* score; here two "
        "different weights meet.",
        -0.9
        * 0.94: "You multiplied one weight by one minus the other, with the sign of two different weights. That is "
        "for a weight and its *own* score; here two "
        "different weights meet.",
        0: "A softmax that is nearly saturated responds little, but it does respond. Which two weights make up the "
        "entry?",
        0.06: "You have one factor, and the sign is missing: the second weight grows at the expense of the first.",
        -0.09: "You have the change of the first weight with its *own* score, and its sign reversed.",
        -0.1: "You let the first weight lose as much as the others hold. Which entry of the Jacobian matrix is it?",
        -0.9: "You have one factor of the entry. Which other weight takes part?",
        -0.036: "You used the third weight. Whose score rises?",
        -0.0024: "You have the change of the *third* weight. Which entry belongs to the first?",
    },
)

temperature = Question(
    "07.temperature",
    0.125,
    hint="A temperature T divides what softmax receives. The divided scores are divided by T once more: for which T "
    "are they what they were before the first division?",
    mistakes={
        8: "At this temperature the scores would be divided a second time, and the weights would become flatter. The "
        "program's weights are sharper than intended.",
        64: "That is $d_k$, and it would make the weights flatter. The program's weights are sharper than intended.",
        1 / 64: "The direction is right. The division was by the root of the width: how much is there to undo?",
        1: "A temperature of 1 leaves the scores as they are, and the two programs would have the same weights.",
        0.8: "A point stands in the wrong place, or you divided 8 by 10. By which number were the scores to be "
        "divided?",
        -8: "A negative temperature turns the order of the scores round. Which *factor* undoes a division by 8?",
        4: "That is a root taken once too often, and it would make the weights flatter.",
        1 / 4: "You took the root twice. By which number were the scores to be divided?",
        -1 / 8: "A negative temperature turns the order of the scores round. The size is right.",
        0: "At a temperature of 0 the largest score takes everything. The undivided scores are larger, but how many "
        "times larger?",
    },
)


def score_vectors(generator):
    """Even, uneven and nearly one-hot scores; the last would overflow an exponential, whatever else is subtracted."""
    yield (torch.tensor([0.0, 0.0], dtype=torch.float64),)
    yield (torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64),)
    yield (torch.from_numpy(generator.normal(size=4)),)
    yield (torch.tensor([0.0, 20.0, -5.0, 1.0, 19.0], dtype=torch.float64),)
    yield (torch.tensor([4000.0, 4001.0, 3999.0, 4000.5, 3990.0, 4001.0], dtype=torch.float64),)
    yield (torch.tensor([0.0, 0.0, 3000.0], dtype=torch.float64),)
    yield (torch.tensor([3000.0, -3000.0, 2999.0, 0.0], dtype=torch.float64),)


@exercise("07.softmax_jacobian", inputs=score_vectors)
def softmax_jacobian(scores):
    """Put p on the diagonal and take away p times p."""
    p = torch.softmax(scores, dim=0)
    return torch.diag(p) - torch.outer(p, p)


@softmax_jacobian.mistake
def only_the_diagonal(scores):
    """Your diagonal is right, but the other entries should not be 0. When one score rises, its weight grows: at whose
    expense?"""
    return torch.diag(torch.diag(softmax_jacobian(scores)))


@softmax_jacobian.mistake
def the_diagonal_term_is_missing(scores):
    """Your entries off the diagonal are right. On the diagonal, however, each weight falls when its own score rises.
    What should every column sum to, if the weights always sum to 1?"""
    p = torch.softmax(scores, dim=0)
    return -torch.outer(p, p)


@softmax_jacobian.mistake
def sign_turned(scores):
    """All your signs are reversed: a weight should grow when its own score rises."""
    return -softmax_jacobian(scores)


@softmax_jacobian.mistake
def of_the_logarithm(scores):
    """You have the derivatives of the *logarithms* of the weights, as a cross-entropy meets them. They stay large when
    the weights saturate. Which factor turns the derivative of log p into that of p?"""
    p = torch.softmax(scores, dim=0)
    return torch.eye(len(p), dtype=p.dtype) - p


@softmax_jacobian.mistake
def the_weights_alone(scores):
    """You return the weights on the diagonal. Raising a score also raises the sum by which everything is divided:
    which term comes from there?"""
    return torch.diag(torch.softmax(scores, dim=0))


@softmax_jacobian.mistake
def one_minus_the_weight_everywhere(scores):
    """Your diagonal is right. Off the diagonal, no 1 appears in the bracket of the formula: when is [i = j] equal
    to 1?"""
    p = torch.softmax(scores, dim=0)
    return torch.outer(p, 1 - p)


def _by_exponentials(scores, shift):
    z = torch.exp(scores - shift)
    p = z / z.sum()
    return torch.diag(p) - torch.outer(p, p)


@softmax_jacobian.mistake
def the_exponential_overflows(scores):
    """Your matrix is right for small scores. The exponential of 4,000, however, is larger than any float, and infinity
    divided by infinity is not a number. What can you subtract from all scores without changing a weight?"""
    return _by_exponentials(scores, 0.0)


@softmax_jacobian.mistake
def shifted_by_the_mean(scores):
    """Subtracting the same number from all scores is the right idea, but after subtracting their mean, the largest can
    still be too large for an exponential. After which subtraction is no exponent above 0?"""
    return _by_exponentials(scores, scores.mean())


@softmax_jacobian.mistake
def shifted_by_the_smallest(scores):
    """Subtracting the same number from all scores is the right idea, but the smallest score makes all exponents
    positive, and one of them can still be too large. After which subtraction is no exponent above 0?"""
    return _by_exponentials(scores, scores.min())


@softmax_jacobian.mistake
def shifted_by_the_first(scores):
    """Subtracting the same number from all scores is the right idea, but the first score need not be the largest, and
    an exponent can still be too large. After which subtraction is no exponent above 0?"""
    return _by_exponentials(scores, scores[0])


@softmax_jacobian.mistake
def the_minus_sign_left_off(scores):
    """Your diagonal is right, and the other entries have the wrong sign: when one score rises, the *other* weights
    fall."""
    return softmax_jacobian(scores).abs()


@softmax_jacobian.mistake
def one_number_subtracted(scores):
    """You subtract one number from every entry, the dot product of the weights with themselves. The product wanted has
    two axes: entry [i, j] is weight i times weight j."""
    p = torch.softmax(scores, dim=0)
    return torch.diag(p) - p @ p


@softmax_jacobian.mistake(which={"row": 0, "column": 1})
def one_weight_forgotten(scores, *, which):
    """Off the diagonal you have one weight, that of the {which}, and the other is missing: entry [i, j] needs both."""
    p = torch.softmax(scores, dim=0)
    q = p[:, None] if which == 0 else p[None]
    return torch.diag(p) - q


@softmax_jacobian.mistake
def the_derivative_of_a_sum(scores):
    """You differentiate the *sum* of the weights, which is always 1, so nothing is left but zeros. Each weight has a
    row of derivatives of its own."""
    return torch.zeros_like(scores)


@softmax_jacobian.mistake
def the_diagonal_as_a_vector(scores):
    """You return how each weight changes with its own score. The matrix also says how it changes with the others."""
    return softmax_jacobian(scores).diagonal()


@softmax_jacobian.mistake
def squared_on_the_diagonal(scores):
    """On the diagonal you have the square of the weight. When a score rises, its own weight changes by p times what is
    still left to gain."""
    p = torch.softmax(scores, dim=0)
    return torch.diag(p * p) - (1 - torch.eye(len(p))) * torch.outer(p, p)


@softmax_jacobian.mistake
def one_minus_the_weight_on_the_diagonal(scores):
    """Off the diagonal yours is right. On it you have one minus the weight, and a factor is missing: a weight near 0
    hardly changes, whatever its score does."""
    p = torch.softmax(scores, dim=0)
    return torch.diag(1 - p) - (1 - torch.eye(len(p))) * torch.outer(p, p)


def projections_of_queries(generator):
    """One head and several; d_k a square and not."""
    for d_model, n_heads in ((4, 1), (4, 2), (8, 2), (12, 2), (12, 4)):
        yield (
            torch.from_numpy(generator.normal(size=(d_model, d_model))),
            torch.from_numpy(generator.normal(size=d_model)),
            n_heads,
        )


@exercise("07.fold_scale", inputs=projections_of_queries)
def fold_scale(w_q, b_q, n_heads):
    """Every query must become √d_k times shorter: the product and what is added to it."""
    scale = math.sqrt(w_q.shape[0] // n_heads)
    return w_q / scale, b_q / scale


def _divided_by(scale, w_q, b_q):
    return w_q / scale, b_q / scale


@fold_scale.mistake
def the_bias_forgotten(w_q, b_q, n_heads):
    """Your matrix is right. A query is a product *plus the bias*: what must happen to the whole sum?"""
    return w_q / math.sqrt(w_q.shape[0] // n_heads), b_q


@fold_scale.mistake
def scaled_by_the_width_of_the_model(w_q, b_q, n_heads):
    """You took the root of the width of the model, which is right for a single head. With several heads, how many
    components does each dot product run over?"""
    return _divided_by(math.sqrt(w_q.shape[0]), w_q, b_q)


@fold_scale.mistake
def scaled_by_the_number_of_heads(w_q, b_q, n_heads):
    """You took the root of the *number* of heads. The divisor comes from the number of terms in a dot product: how
    wide is one head?"""
    return _divided_by(math.sqrt(n_heads), w_q, b_q)


@fold_scale.mistake
def scaled_by_the_variance(w_q, b_q, n_heads):
    """You divided by d_k. That is the variance of a score; what is its typical magnitude?"""
    return _divided_by(w_q.shape[0] // n_heads, w_q, b_q)


@fold_scale.mistake
def a_root_without_decimals(w_q, b_q, n_heads):
    """You rounded the root down to a whole number. For a width such as 6 it is not one."""
    return _divided_by(math.isqrt(w_q.shape[0] // n_heads), w_q, b_q)


@fold_scale.mistake
def multiplied_instead_of_divided(w_q, b_q, n_heads):
    """With your matrix the scores become *larger*. The matrix now has to do what the division did."""
    return _divided_by(1 / math.sqrt(w_q.shape[0] // n_heads), w_q, b_q)


@fold_scale.mistake
def the_root_split_in_two(w_q, b_q, n_heads):
    """You divided by the fourth root of d_k, which is right if the keys take the other half. Here the keys stay as
    they are."""
    return _divided_by((w_q.shape[0] // n_heads) ** 0.25, w_q, b_q)


@fold_scale.mistake
def the_matrix_alone(w_q, b_q, n_heads):
    """You return the matrix only. The bias is part of the query and has to be divided, too: return both, as a pair."""
    return fold_scale(w_q, b_q, n_heads)[0]


@fold_scale.mistake(which={"rows": 0, "columns": 1})
def the_first_head_alone(w_q, b_q, n_heads, *, which):
    """You divide the {which} of the first head's width only. Each head takes its division from the same matrix, so all
    of it has to be divided."""
    d_k = len(w_q) // n_heads
    root = d_k**0.5
    w, b = w_q.clone(), b_q.clone()
    (w if which == 0 else w.T)[:d_k] /= root
    if which == 0:
        b[:d_k] /= root
    else:
        b /= root
    return w, b


@fold_scale.mistake(bias={"by its own length": True, "by the lengths of the rows": False})
def queries_made_equally_long(w_q, b_q, n_heads, *, bias):
    """You divide each row of the matrix by its length, and the bias {bias}. That changes every query in its own way;
    the division by √d_k is one factor for all."""
    rows = w_q.norm(dim=1, keepdim=True)
    return w_q / rows, b_q / (b_q.norm() if bias else rows[:, 0])


@fold_scale.mistake
def only_the_bias(w_q, b_q, n_heads):
    """You divide the bias, and the matrix stays as it was. Both make up the query."""
    return w_q, fold_scale(w_q, b_q, n_heads)[1]


@fold_scale.mistake
def transposed_too(w_q, b_q, n_heads):
    """Your numbers are right, and the matrix is transposed. It is still multiplied as `x @ w_q.T`."""
    return fold_scale(w_q, b_q, n_heads)[0].T, fold_scale(w_q, b_q, n_heads)[1]


def rates_and_widths(_):
    """Both optimizers, the width of the lab and two others, one of them with a root that is not whole."""
    for rate, d_k in ((0.003, 256), (0.01, 64), (0.5, 8)):
        for optimizer in ("adam", "sgd"):
            yield rate, d_k, optimizer


@exercise(
    "07.rate_of_w_q",
    inputs=rates_and_widths,
    rtol=1e-3,
    hint="Call c the number by which you divided the initial matrix. Which step of the folded matrix keeps it c times "
    "smaller than the other one? And what does folding do to its gradient?",
)
def rate_of_w_q(rate, d_k, optimizer):
    """The step has to be √d_k times smaller. Adam's step is the rate; that of SGD is the rate times a gradient that has
    become √d_k times larger."""
    return rate / math.sqrt(d_k) if optimizer == "adam" else rate / d_k


@rate_of_w_q.mistake
def the_same_rate(rate, d_k, optimizer):
    """At an unchanged rate, the chapter's folded head failed where the divided one was perfect. The matrix is smaller
    now: how large may its step be?"""
    return rate


@rate_of_w_q.mistake
def a_larger_rate(rate, d_k, optimizer):
    """You raised the rates. The folded matrix is smaller, so should its step be larger or smaller?"""
    return rate * math.sqrt(d_k) if optimizer == "adam" else rate * d_k


@rate_of_w_q.mistake
def the_root_for_both(rate, d_k, optimizer):
    """You are right about Adam, whose step does not depend on the size of the gradient. The step of plain gradient
    descent does: what does folding do to the gradient of the matrix?"""
    return rate / math.sqrt(d_k)


@rate_of_w_q.mistake
def the_width_for_both(rate, d_k, optimizer):
    """You are right about plain gradient descent, where the matrix became smaller *and* its gradient larger. Which of
    the two effects does Adam remove?"""
    return rate / d_k


@rate_of_w_q.mistake
def gradient_descent_at_the_same_rate(rate, d_k, optimizer):
    """You are right about Adam. For plain gradient descent you left the rate as it was, which would be right if folding
    changed nothing. Print the gradient of the matrix in both networks: which one is larger?"""
    return rate / math.sqrt(d_k) if optimizer == "adam" else rate


@rate_of_w_q.mistake
def the_two_exchanged(rate, d_k, optimizer):
    """You have both numbers, and each belongs to the other optimizer. Whose step grows with the gradient?"""
    return rate / d_k if optimizer == "adam" else rate / math.sqrt(d_k)


@rate_of_w_q.mistake
def one_width_for_all(rate, d_k, optimizer):
    """You divide by 16 and 256, the numbers of one width. They follow from d_k, which is an argument here."""
    return rate / 16 if optimizer == "adam" else rate / 256


@rate_of_w_q.mistake
def gradient_descent_the_other_way(rate, d_k, optimizer):
    """You are right about Adam. For plain gradient descent you raise the rate, as if folding made the gradient smaller.
    Print the gradient of the matrix in both networks: which one is larger?"""
    return rate / math.sqrt(d_k) if optimizer == "adam" else rate * math.sqrt(d_k)


@rate_of_w_q.mistake(adam=["0.0003", "0.001"])
def measured_rates(rate, d_k, optimizer, *, adam):
    """You return rates that were measured for one network, {adam} for Adam, whatever `rate` is. Which *multiple* of it
    does the folded matrix need?"""
    return float(adam) if optimizer == "adam" else float(adam) / 10


@rate_of_w_q.mistake
def the_fourth_root(rate, d_k, optimizer):
    """You took one root too many. The initial matrix was divided by √d_k, and so its step has to be."""
    return rate / d_k**0.25 if optimizer == "adam" else rate / d_k**0.5
