"""Exercises of chapter 07: why scores are divided by √d_k."""

import math

import torch

from transformer_lib.exercises.engine import Question, exercise

which_scale = Question(
    "07.which_scale",
    8,
    hint="The scale belongs to one dot product. How many numbers does each of its two vectors hold?",
    mistakes={
        math.sqrt(512): "That is √512. The vectors that meet in the dot product belong to one head: how long are they?",
        64: "That is d_k itself, the variance. What has the size of a typical score?",
        512: "That is d_model. The stream is that wide, but one head's queries and keys are not, and a variance is not "
        "yet a size.",
        math.sqrt(1 / 64): "That is what the scores are multiplied by. Asked is what they are divided by.",
        math.sqrt(8): "You took the root of the number of heads. What is summed in a dot product is the components of "
        "one query and one key.",
    },
)

score_variance = Question(
    "07.score_variance",
    36,
    hint="Start with one product: its factors are independent with mean 0, so what is its variance? Then the sum, then "
    "the division.",
    mistakes={
        2304: "That is the variance before the division. What does dividing a number by 8 do to its variance?",
        288: "You divided the variance by 8. A number divided by 8 has its *variance* divided by something else.",
        6: "That is the standard deviation. Asked is the variance.",
        13: "The variances were added. That is right for a sum of two numbers; these two are multiplied.",
        1: "That holds where every component has variance 1. Here they are larger.",
        832: "You added the two variances, and forgot the division. A component of q is multiplied by one of k.",
    },
)

sensitivity = Question(
    "07.sensitivity",
    0.0099,
    hint="Take the entry of the Jacobian on the diagonal, for the weight 0.99.",
    mistakes={
        0.99: "That is the weight itself. Raising a score raises the sum that everything is divided by, too: a term is "
        "missing.",
        -0.0099: "That is what the *other* weight does: it falls by what the first one gains.",
        0.9801: "That is the square of the weight. It is only the second term of the entry: what is it taken from?",
        0.25: "That is the entry where both weights are one half, the largest it can be. These two are far from even.",
        0.01: "Close, and no accident: that is the other weight. The entry is a product, and one factor is missing.",
        99: "That is the ratio of the two weights. Asked is how fast the first moves.",
    },
)

temperature = Question(
    "07.temperature",
    0.125,
    hint="A temperature T divides what softmax is given. Start from scores that are divided already, and ask which T "
    "undoes that.",
    mistakes={
        8: "The other way round: at this temperature scaled scores would be divided twice. Unscaled ones are larger.",
        64: "That is d_k, and the wrong way round: unscaled scores are larger, so what they make is colder.",
        1 / 64: "The right direction. But scaled scores were divided by a root: how much is there to undo?",
        1: "At temperature 1 nothing happens to the scores, and these two softmaxes differ.",
    },
)


def score_vectors(generator):
    """Even, uneven and nearly one-hot scores; the last would overflow an exponential."""
    yield (torch.tensor([0.0, 0.0], dtype=torch.float64),)
    yield (torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64),)
    yield (torch.from_numpy(generator.normal(size=4)),)
    yield (torch.tensor([0.0, 20.0, -5.0, 1.0, 19.0], dtype=torch.float64),)
    yield (torch.tensor([4000.0, 4001.0, 3999.0, 4000.5, 3990.0, 4001.0], dtype=torch.float64),)


@exercise("07.softmax_jacobian", inputs=score_vectors)
def softmax_jacobian(scores):
    """Put p on the diagonal and take away p times p."""
    p = torch.softmax(scores, dim=0)
    return torch.diag(p) - torch.outer(p, p)


@softmax_jacobian.mistake
def only_the_diagonal(scores):
    """The diagonal is right, and the rest should not be 0: when a score goes up, its weight grows at the expense of
    all the others."""
    return torch.diag(torch.diag(softmax_jacobian(scores)))


@softmax_jacobian.mistake
def the_diagonal_term_is_missing(scores):
    """Off the diagonal yours is right. On it each weight falls when its own score rises. Every column should
    sum to 0, since the weights always sum to 1."""
    p = torch.softmax(scores, dim=0)
    return -torch.outer(p, p)


@softmax_jacobian.mistake
def sign_turned(scores):
    """The sign is turned: in yours a weight falls when its own score rises."""
    return -softmax_jacobian(scores)


@softmax_jacobian.mistake
def of_the_logarithm(scores):
    """That is the Jacobian of *log* softmax, the one a cross-entropy meets. It does not vanish when the weights
    saturate, which is why the last layer of a model has no such trouble. Attention uses the weights themselves."""
    p = torch.softmax(scores, dim=0)
    return torch.eye(len(p), dtype=p.dtype) - p


@softmax_jacobian.mistake
def the_exponential_overflows(scores):
    """Right for small scores. e to the power of 4000 is infinite, and infinity over infinity is not a number.
    The weights stay as they are when all scores move by the same amount: which amount helps?"""
    z = torch.exp(scores)
    p = z / z.sum()
    return torch.diag(p) - torch.outer(p, p)


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


@fold_scale.mistake
def the_bias_forgotten(w_q, b_q, n_heads):
    """The matrix is right. A query is W x + b, and all of it has to shrink."""
    return w_q / math.sqrt(w_q.shape[0] // n_heads), b_q


@fold_scale.mistake
def scaled_by_the_width_of_the_stream(w_q, b_q, n_heads):
    """You took the root of d_model. That is right for one head; with several, each dot product is over fewer
    components."""
    return w_q / math.sqrt(w_q.shape[0]), b_q / math.sqrt(w_q.shape[0])


@fold_scale.mistake
def scaled_by_the_variance(w_q, b_q, n_heads):
    """You divided by d_k. That is the variance of a score; its size is the root."""
    return w_q / (w_q.shape[0] // n_heads), b_q / (w_q.shape[0] // n_heads)


@fold_scale.mistake
def multiplied_instead_of_divided(w_q, b_q, n_heads):
    """The scores would be √d_k times *larger*. What is folded in has to do what the division did."""
    scale = math.sqrt(w_q.shape[0] // n_heads)
    return w_q * scale, b_q * scale


@fold_scale.mistake
def the_root_split_in_two(w_q, b_q, n_heads):
    """You divided by the fourth root of d_k. That is right if the keys get the other half; here the keys stay
    as they are."""
    scale = (w_q.shape[0] // n_heads) ** 0.25
    return w_q / scale, b_q / scale
