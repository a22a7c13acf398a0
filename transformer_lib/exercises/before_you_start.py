"""Exercises of chapter 00: shares, bits, a gradient step, shapes, rows averaged, a line by descent."""

import math

import numpy as np

from transformer_lib.exercises.engine import Question, exercise

after_i = Question(
    "00.after_i",
    2 / 3,
    hint=(
        "Write down the ten pairs of neighboring letters, mi, is, ss, and so on. Keep those that begin with i. In "
        "which share of them does s come second?"
    ),
    mistakes={
        1
        / 2: "Either you divided by all four i's, or you looked from s back to i. In the first case: the last i has no "
        "letter after it, so it begins no pair. In the second case: i is given, and s is the letter to predict.",
        1 / 5: "That is the share of *is* among all ten pairs, the probability of both letters together. Here the i is "
        "given, so only the pairs that begin with i count.",
        2 / 11: "You divided by the eleven letters. Only the pairs that begin with i count, because the i is given.",
        1 / 3: "That is the probability that the next letter is p. Which letter was asked for?",
        3 / 10: "That is the share of pairs that begin with i. It is the number that you divide by, not the answer.",
        1
        / 5
        * 4
        / 11: "You multiplied two shares. Multiplying by the probability of the letter leads to the probability "
        "of both letters; here the i is given, and only the pairs that begin with i count.",
        4 / 11: "That is how common a letter is in the word: i and s both have four of eleven. The question says which "
        "letter stands now, so look only at the pairs that begin with it.",
        2: "That is a number of pairs. A probability is a share: of how many pairs that begin with i?",
        3: "That is a number of pairs: those that begin with i. A probability is a share of them.",
    },
)

bits_of_a_text = Question(
    "00.bits_of_a_text",
    9,
    hint="Each character costs the negative of the base-2 logarithm of its probability. The costs of a text add up.",
    mistakes={
        2.25: "That is the mean cost of a character. The question asks for the whole text.",
        -9: "The size is right, but a cost is the *negative* logarithm, so it is never below zero.",
        1 / 512: "That is the probability of the whole text, the product of the four. How many bits does an event of "
        "that probability cost?",
        9 * math.log(2): "Those are nats: you took natural logarithms. Which base gives bits?",
        1.0: "You added the probabilities. Probabilities of successive characters multiply; their logarithms add.",
        2: "Two bits is the cost of one choice among four equally likely characters. These four characters have "
        "different probabilities: take their costs one by one.",
        8: "You gave each character two bits, as if the four were equally likely. Take their costs one by one.",
        4: "You counted one bit for each character, or the characters themselves. One bit is the cost of a probability "
        "of 1/2; what does one of 1/8 cost?",
        7
        / 4: "You weighted each cost by its probability, as an entropy does, which is the mean over what *could* come. "
        "Here the four characters have come, and each is paid in full.",
        6: "You counted the cost of 1/8 once. The text has two characters of that probability.",
        10: "You counted 1, 2, 3, 4. The last two characters have the same probability, so they cost the same.",
        22: "You added 1/p, the numbers of choices. A cost in bits is the logarithm of such a number.",
    },
)

one_step = Question(
    "00.one_step",
    0.4,
    hint=(
        "The chain rule: the outer derivative of u squared is 2u, with u = 3w - 2, and the inner derivative of u with "
        "respect to w is what multiplies w. Then move against the product, times the learning rate."
    ),
    mistakes={
        1.6: "The size of the step is right, but you walked uphill. The gradient points to where the loss grows.",
        0.8: "You have the derivative of the square, but you forgot what is inside it: u = 3w - 2 changes "
        "three times as fast as w.",
        0.7: "You have the inner derivative, 3, but you forgot the outer one: the derivative of u squared is 2u.",
        6: "That is the derivative at w = 1. The step is the learning rate times this, and it is taken from w.",
        0.6: "That is the size of the step. Where does it lead from w = 1?",
        -5: "You moved by the whole derivative. The learning rate makes the step a tenth of it.",
        2 / 3: "That is where the loss is smallest. One step does not lead there; how far does it go?",
        0.9: "You took the learning rate itself as the step. It multiplies the derivative.",
        1.3: "Two things at once: the derivative of u squared is 2u, and its 2 is missing; and you walked uphill.",
        1.2: "Two things at once: the inner derivative, 3, is missing; and you walked uphill.",
        7: "You moved by the whole derivative, and uphill. The learning rate makes the step a tenth of it, and the "
        "step "
        "goes against the gradient.",
        -0.2: "Your step is twice too long. With u = 3w - 2, what is 2u times the inner derivative at w = 1?",
        0.04: "That is the loss after the step. The question asks for w.",
    },
)


def no_number(value):
    """Whether somebody answers that there is no such product."""
    return isinstance(value, str) or value == 0


broadcast = Question(
    "00.broadcast",
    15,
    hint=(
        "`x[:, None]` is a column. Write the two shapes one above the other, aligned on the right. An axis of size 1 "
        "stretches."
    ),
    mistakes={
        8: "You added the sizes, as if the arrays were joined. Broadcasting pairs every entry of the column with every "
        "entry of the row.",
        5: "That is `x[:, None]` alone, of shape (5, 1). Its axis of size 1 stretches to meet y.",
        3: "That is y alone. Nothing is cut to its length: y is repeated for each of the rows of `x[:, None]`.",
        1: "That is a dot product, which sums. Broadcasting multiplies and sums nothing.",
        25: "You stretched the column to a square, as if it met x itself. It stretches to meet y, of shape (3,).",
        9: "That is y with itself, a square of the row. The first array is x, of shape (5,).",
        (5, 3): "That is the shape of the product. How many numbers does an array of that shape hold?",
        (
            3,
            5,
        ): "That is a shape, and with its axes exchanged: x lies along the first. How many numbers does such an array "
        "hold?",
        (
            5,
            1,
        ): "That is the shape of `x[:, None]` alone. Its axis of size 1 stretches to meet y. The question asks how "
        "many numbers there are then.",
        no_number: "You say that the shapes do not fit. Aligned on the right, they are (5, 1) and (3,): an axis of "
        "size 1 "
        "stretches, and an axis that is missing on the left counts as one of size 1.",
    },
)


def tables_and_rows(generator):
    """From one row of one number on, with rows that repeat and rows that are left out."""
    yield np.array([[2.0]]), [0]
    yield np.array([[1.0, 2.0], [3.0, 8.0]]), [0, 1]
    yield np.array([[1.0, 2.0], [3.0, 8.0], [5.0, 1.0]]), [1, 1, 2]
    yield np.array([[1.0, 2.0], [3.0, 8.0], [5.0, 1.0]]), [1, 0, 1]
    yield generator.normal(size=(4, 3)), [3, 0, 3, 3, 1]


@exercise("00.average_rows", inputs=tables_and_rows)
def average_rows(table, rows):
    """Weights that say how often each row is wanted, divided by how many are wanted, times the table."""
    weights = np.bincount(rows, minlength=len(table)) / len(rows)
    return weights @ table


@average_rows.mistake
def rows_summed(table, rows):
    """Your weights count how often each row is wanted, so the product is a sum. For a mean, what must the weights
    sum to?"""
    return np.bincount(rows, minlength=len(table)) @ table


@average_rows.mistake
def each_row_once(table, rows):
    """A row that is named twice should count twice. Assigning 1 at `weights[rows]`, or adding 1 there, does it once,
    however often the row is named."""
    weights = np.zeros(len(table))
    weights[rows] = 1
    return weights / weights.sum() @ table


@average_rows.mistake
def repeated_rows_lost(table, rows):
    """Right where no row is named twice. `weights[rows] += 1` adds 1 once, however often a row is named, but you
    divide by the number of all that were named. What adds 1 each time?"""
    weights = np.zeros(len(table))
    weights[rows] += 1
    return weights @ table / len(rows)


@average_rows.mistake
def divided_by_the_rows_of_the_table(table, rows):
    """You divide by the number of rows that the table has. Divide by the number of rows that are wanted."""
    return np.bincount(rows, minlength=len(table)) @ table / len(table)


@average_rows.mistake
def all_rows(table, rows):
    """That is the mean of all rows of the table. Only the rows that are named should count."""
    return table.mean(axis=0)


@average_rows.mistake
def along_the_other_axis(table, rows):
    """You averaged along each row. The mean of several rows keeps the columns: it has D numbers."""
    return table[rows].mean(axis=1)


@average_rows.mistake
def weights_for_the_named_rows_only(table, rows):
    """Your weights end at the largest row that is named, so where a later row is not wanted, they are too few for the
    table. A row that is not wanted has a weight as well: 0."""
    return np.bincount(rows) / len(rows) @ table


@average_rows.mistake
def multiplied_in_the_other_order(table, rows):
    """You multiply the table by the weights, which would be one weight for each *column*. There is one for each row, so
    which of the two comes first?"""
    return table @ (np.bincount(rows, minlength=len(table)) / len(rows))


@average_rows.mistake
def rows_not_averaged(table, rows):
    """Your product picks the rows, one after the other, and does not average them. One vector of weights, in place of
    one for each row, does both."""
    return table[rows]


def lines(generator):
    """From one point and one step on; x with a mean far from zero, so that w and b pull on each other."""
    yield np.array([1.0]), np.array([2.0]), 1, 0.1
    yield np.array([0.0, 2.0]), np.array([1.0, 5.0]), 1, 0.1
    yield np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 9.0]), 3, 0.02
    yield generator.normal(size=8), generator.normal(size=8), 25, 0.1


def _descend(x, y, steps, rate, derivatives):
    w = b = 0.0
    for _ in range(steps):
        dw, db = derivatives(x, w * x + b - y)
        w, b = w - rate * dw, b - rate * db
    return w, b


@exercise("00.lab_descent", inputs=lines)
def lab_descent(x, y, steps, rate):
    """Both derivatives of the mean squared error first, then both parameters."""
    return _descend(x, y, steps, rate, lambda x, error: (2 * (error * x).mean(), 2 * error.mean()))


@lab_descent.mistake
def b_moved_after_w(x, y, steps, rate):
    """Your second derivative uses the new w. Compute both derivatives at the same point, and then move both
    parameters."""
    w = b = 0.0
    for _ in range(steps):
        w = w - rate * 2 * ((w * x + b - y) * x).mean()
        b = b - rate * 2 * (w * x + b - y).mean()
    return w, b


@lab_descent.mistake
def the_factor_two_forgotten(x, y, steps, rate):
    """Your steps are half as long as they should be: the derivative of u squared is 2u."""
    return _descend(x, y, steps, rate, lambda x, error: ((error * x).mean(), error.mean()))


@lab_descent.mistake
def summed_instead_of_averaged(x, y, steps, rate):
    """Your steps grow with the number of points, because you sum over them. The loss is a mean."""
    return _descend(x, y, steps, rate, lambda x, error: (2 * (error * x).sum(), 2 * error.sum()))


@lab_descent.mistake
def uphill(x, y, steps, rate):
    """You walk uphill: with each step the line gets worse. The gradient points to where the loss grows."""
    return _descend(x, y, steps, rate, lambda x, error: (-2 * (error * x).mean(), -2 * error.mean()))


@lab_descent.mistake
def x_forgotten_in_the_slope(x, y, steps, rate):
    """Both your derivatives are the same. A change of w moves the prediction by x times as much as a change of b:
    the chain rule multiplies by x."""
    return _descend(x, y, steps, rate, lambda x, error: (2 * error.mean(), 2 * error.mean()))


@lab_descent.mistake
def b_left_alone(x, y, steps, rate):
    """w is right as long as b is zero, and b never moves. It has a derivative, too."""
    return _descend(x, y, steps, rate, lambda x, error: (2 * (error * x).mean(), 0.0))


@lab_descent.mistake
def the_best_line(x, y, steps, rate):
    """That is the line with the least error, where descent would end after very many steps. The answer is where it
    stands after `steps` of them."""
    centered = x - x.mean()
    w = (centered * y).sum() / max((centered**2).sum(), 1e-12)
    return w, y.mean() - w * x.mean()


@lab_descent.mistake
def divided_twice(x, y, steps, rate):
    """Your steps shrink with the number of points: you divide by it twice. A mean has divided by it already."""
    return _descend(x, y, steps, rate, lambda x, error: (2 * (error * x).mean() / len(x), 2 * error.mean() / len(x)))


@lab_descent.mistake
def means_multiplied(x, y, steps, rate):
    """You multiply the mean of the errors by the mean of x. Each error belongs to its own x: first multiply, point by
    point, and then take the mean."""
    return _descend(x, y, steps, rate, lambda x, error: (2 * error.mean() * x.mean(), 2 * error.mean()))


@lab_descent.mistake
def gradients_piled_up(x, y, steps, rate):
    """Your first step is right, and the later ones use the sum of all gradients so far. Each step uses the gradient at
    the point where it begins, and no older one."""
    w = b = dw = db = 0.0
    for _ in range(steps):
        error = w * x + b - y
        dw, db = dw + 2 * (error * x).mean(), db + 2 * error.mean()
        w, b = w - rate * dw, b - rate * db
    return w, b


@lab_descent.mistake(more={"many": 1, "few": -1})
def another_number_of_steps(x, y, steps, rate, *, more):
    """You take one step too {more}. After how many of them should descent stop?"""
    return lab_descent(x, y, steps + more, rate)


@lab_descent.mistake(start={"at 1": (1.0, 1.0), "with b at the mean of y": None, "with w at 1": (1.0, 0.0)})
def another_start(x, y, steps, rate, *, start):
    """Your steps are right, but you start {start}. The exercise starts with both parameters at zero."""
    w, b = start or (0.0, y.mean())
    for _ in range(steps):
        error = w * x + b - y
        w, b = w - rate * 2 * (error * x).mean(), b - rate * 2 * error.mean()
    return w, b


@lab_descent.mistake
def one_point_after_the_other(x, y, steps, rate):
    """You move after each single point. One step uses all points: the mean of their derivatives, at one and the same
    w and b."""
    w = b = 0.0
    for _ in range(steps):
        for one, target in zip(x, y, strict=True):
            error = w * one + b - target
            w, b = w - rate * 2 * error * one, b - rate * 2 * error
    return w, b


@lab_descent.mistake
def the_sign_of_the_error_alone(x, y, steps, rate):
    """You use the sign of each error and not its size. That is the gradient of the mean *absolute* error."""
    return _descend(x, y, steps, rate, lambda x, error: ((np.sign(error) * x).mean(), np.sign(error).mean()))


@lab_descent.mistake(only={"the slope w": 0, "the intercept b": 1})
def one_parameter_returned(x, y, steps, rate, *, only):
    """You return {only} only. A line has two parameters: return the pair (w, b)."""
    return lab_descent(x, y, steps, rate)[only]


@lab_descent.mistake
def the_pair_turned_round(x, y, steps, rate):
    """You return (b, w). The exercise asks for the pair (w, b)."""
    return lab_descent(x, y, steps, rate)[::-1]


@lab_descent.mistake
def the_loss_returned(x, y, steps, rate):
    """You return the error that is left. The exercise asks for the two parameters, as a pair (w, b)."""
    w, b = lab_descent(x, y, steps, rate)
    return ((w * x + b - y) ** 2).mean()
