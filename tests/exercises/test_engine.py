"""Every kind of answer gets the verdict it deserves, and none gets past the engine."""

import io
import sys
import time

import numpy as np
import pytest
import torch

from transformer_lib import exercises
from transformer_lib.exercises import check, diagnose
from transformer_lib.exercises.engine import Exercise, Question, exercise


def numbers(generator):
    yield generator.integers(0, 9, size=30).tolist(), 3
    yield [2], 1
    yield [1, 2, 3], 2


@exercise("01.scaled", inputs=numbers, hint="Look at the factor.", seconds=0.5)
def scaled(values, factor):
    """Multiply each value."""
    return [value * factor for value in values]


@scaled.mistake
def factor_added(values, factor):
    """The factor is added here, where it should multiply."""
    return [value + factor for value in values]


@scaled.mistake
def _factor_ignored(values, factor):
    """The values come back as they were.

    What is the factor for?
    """
    return list(values)


@scaled.mistake
def an_empty_list_refused(values, factor):
    """A list may have one item."""
    if len(values) == 1:
        raise IndexError
    return scaled(values, factor)


def is_negative(value):
    return value < 0


cells = Question(
    "01.cells",
    55,
    hint="Count the cells of the first row, then of the second.",
    mistakes={100: "That is the whole square.", 45: "The diagonal counts too.", is_negative: "A count has no sign."},
)


def told(answer, of=scaled):
    return of.diagnose(answer).message


def test_right_answers():
    assert told(lambda values, factor: tuple(v * factor for v in values)) == "01.scaled: correct."
    assert told(lambda v, f: np.array(v) * f) == "01.scaled: correct."
    assert told(lambda v, f: torch.tensor(v, requires_grad=True, dtype=torch.float32) * f) == "01.scaled: correct."
    assert told(lambda v, f=1, *rest, **options: [f * x for x in v]) == "01.scaled: correct."
    assert told(scaled) == "01.scaled: correct."


def test_a_foreseen_mistake_is_named_and_earns_its_hint():
    assert told(lambda values, factor: np.array(values) + factor) == (
        "01.scaled: factor added.\nThe factor is added here, where it should multiply."
    )
    verdict = scaled.diagnose(lambda values, factor: tuple(values))
    assert (verdict.status, verdict.mistake) == ("mistake", "factor ignored")
    assert str(verdict) == "01.scaled: factor ignored.\nThe values come back as they were.\n\nWhat is the factor for?"


def test_a_foreseen_exception_is_a_mistake_too():
    def picky(values, factor):
        if len(values) < 2:
            raise IndexError("another text")
        return scaled(values, factor)

    assert scaled.diagnose(picky).mistake == "an empty list refused"


def test_a_mistake_is_recognized_where_it_explains_the_failures():
    verdict = scaled.diagnose(lambda v, f: factor_added(v, f) if len(v) > 1 else scaled(v, f))
    assert (verdict.status, verdict.mistake) == ("mistake", "factor added")


def test_a_mistake_that_does_not_explain_the_failures_is_not_recognized():
    verdict = scaled.diagnose(lambda v, f: factor_added(v, f) if len(v) < 9 else [v[0] ** 3 + 1, *scaled(v[1:], f)])
    assert (verdict.status, verdict.mistake) == ("different", None)


def test_an_unforeseen_answer_is_shown_on_the_smallest_input():
    assert told(lambda values, factor: scaled(values, factor)[:2]) == (
        "01.scaled: right on 1 of 3 inputs. The smallest input on which it differs:\n"
        "\n"
        "    scaled([1, 2, 3], 2)\n"
        "\n"
        "    expected, a list of length 3:\n"
        "        [2, 4, 6]\n"
        "    yours, a list of length 2:\n"
        "        [2, 4]\n"
        "\n"
        "Look at the factor."
    )
    assert told(lambda values, factor: (v for v in values)).endswith(
        "01.scaled: not yet. The smallest input on which it differs:\n"
        "\n"
        "    scaled([2], 1)\n"
        "\n"
        "    expected, a list of length 1:\n"
        "        [2]\n"
        "    yours, a generator:\n"
        "        (a generator)\n"
        "\n"
        "Nothing in it is computed until somebody asks: list(…) around it does.\n"
        "\n"
        "Look at the factor."
    )


def test_an_exception_is_shown_with_the_line_and_the_input():
    def helper(values):
        return {}[values[1]]

    assert told(lambda values, factor: helper(values)) == (
        "01.scaled: not yet. The smallest input on which it raises IndexError:\n"
        "\n"
        "    scaled([2], 1)\n"
        "\n"
        "    IndexError: list index out of range\n"
        f"    in line {helper.__code__.co_firstlineno + 1} of helper: return {{}}[values[1]]\n"
        "\n"
        "Look at the factor."
    )


def test_an_exception_from_a_library_is_shown_at_the_readers_line():
    def overfull(values, factor):
        return np.ones(3) @ np.ones(4)

    def deeper(values, factor):
        return sorted(values, key=lambda value: np.linalg.inv(np.zeros((2, 2))))

    assert "of overfull: return np.ones(3) @ np.ones(4)\n" in told(overfull)
    assert "LinAlgError: Singular matrix\n" in told(deeper)
    assert "of <lambda>: return sorted(" in told(deeper)


def test_an_exception_that_was_wanted():
    @exercise("01.halves", inputs=lambda generator: [(1,), (2,)])
    def halves(number):
        if number % 2:
            raise ValueError("the text does not matter")
        return number // 2

    def refuses(number):
        if number % 2:
            raise ValueError
        return number / 2

    assert told(refuses, halves) == "01.halves: correct."
    expected = "    halves(1)\n\n    expected, an exception:\n        ValueError\n    yours, a float:\n        0.5"
    assert told(lambda number: number / 2, halves).endswith(expected)
    assert "yours, an exception:\n        ZeroDivisionError: " in told(lambda number: 1 / 0, halves)


@pytest.mark.parametrize(
    "raised", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), RecursionError(), MemoryError()]
)
def test_nothing_raised_gets_out(raised):
    def raises(values, factor):
        raise raised

    assert scaled.diagnose(raises).status == "raised"


def test_a_deep_recursion_has_an_end():
    def deep(values, factor):
        return deep(values, factor)

    assert "RecursionError: maximum recursion depth exceeded" in told(deep)


class Wild:
    """Whatever can be asked of it raises."""

    def __getattr__(self, name):
        raise RuntimeError("never mind")

    __eq__ = __repr__ = __str__ = __len__ = __iter__ = __bool__ = __hash__ = __array__ = __float__ = __getattr__


class WildList(list):
    """A list that answers nothing asked of a list."""

    __eq__ = __repr__ = __len__ = __iter__ = Wild.__getattr__


class WildError(Exception):
    """An exception that cannot say what happened."""

    def __str__(self):
        raise SystemExit


def test_a_message_full_of_control_characters():
    def raises(values, factor):
        raise ValueError("\x1b[2J\x07 one\r\n\ntwo \ud800")

    assert "ValueError: [2J one two\n" in told(raises)


def test_an_object_that_raises_when_looked_at():
    assert "yours, a Wild object that cannot be read" in told(lambda values, factor: Wild())
    assert "yours, a WildList object that cannot be read" in told(lambda values, factor: WildList([1]))
    assert "a Wild object" in told(Wild())
    assert told(Wild(), cells) == "01.cells: the answer is a number, and this is a Wild object that cannot be\nread."

    def raises(values, factor):
        raise WildError

    assert "WildError: a message that cannot be read" in told(raises)


def test_an_endless_loop_is_told_from_a_wrong_answer():
    def forever(values, factor):
        while True:
            pass

    def slow(values, factor):
        while len(values) > 20:
            pass
        return scaled(values, factor)

    def slow_and_wrong(values, factor):
        return slow(values, factor)[1:]

    started = time.monotonic()
    assert told(forever) == (
        "01.scaled: too slow. After 0.5 seconds it was still at work on input 1 of 3:\n"
        "\n"
        "    scaled([2], 1)\n"
        "\n"
        "Either a loop never ends, or there is a way with less work."
    )
    assert "on input 3 of 3,\nthe 2 before having come out right:\n" in told(slow)
    assert scaled.diagnose(slow_and_wrong).mistake == "the first left out"
    assert time.monotonic() - started < 60


def test_a_loop_in_what_is_returned_has_an_end():
    class Endless(list):
        def __iter__(self):
            while True:
                yield 1

        def __len__(self):
            return 1

    assert scaled.diagnose(lambda values, factor: Endless()).status == "too slow"
    assert cells.diagnose(3).status == "different"


def test_inputs_that_are_edited_are_fresh_the_next_time():
    def edits(values, factor):
        for i in range(len(values)):
            values[i] *= factor
        return values

    note = (
        "01.scaled: the results are right.\n"
        "It changes values in place, though, and the caller may still need what was\nthere."
    )
    assert told(edits) == note
    assert told(edits) == note
    assert told(scaled) == "01.scaled: correct."

    def edits_a_little(values, factor):
        result = scaled(values, factor)
        values[0] += 1e-9
        return result

    assert told(edits_a_little) == note
    verdict = scaled.diagnose(edits)
    assert (verdict.status, verdict.edited) == ("edits", ("values",))


def test_a_family_of_mistakes_has_a_name_and_a_hint_for_each():
    @exercise("01.sums", inputs=lambda generator: [(generator.normal(size=(2, 3, 4)),)])
    def sums(table):
        return table.sum(axis=1)

    @sums.mistake(axis={"first": 0, "last": 2}, factor=[1, 2])
    def another_axis(table, *, axis, factor):
        """You sum over the {axis} axis, {factor} times. Which one is meant?"""
        return factor * table.sum(axis=axis)

    verdict = sums.diagnose(lambda table: 2 * table.sum(axis=0))
    assert (verdict.mistake, verdict.hint) == (
        "another axis: first, 2",
        "You sum over the first axis, 2 times. Which one is meant?",
    )
    assert len(sums.mistakes) == 4
    with pytest.raises(ValueError, match=r"alone takes \['table', 'axis'\]: a mistake of 01.sums takes \['table'\]"):

        @sums.mistake
        def alone(table, *, axis=0):
            """Without its values."""


@exercise(
    "01.shares",
    inputs=lambda generator: [
        (generator.integers(0, 9, size=(3, n)) * k,) for n, k in [(2, 1), (3, 1), (4, 0), (5, 1)]
    ],
)
def shares(counts):
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals > 0, counts / np.maximum(totals, 1), 0.5)


@shares.mistake
def of_the_columns(counts):
    """Your columns are divided. What belongs together here, a row or a column?"""
    return counts / np.maximum(counts.sum(axis=0, keepdims=True), 1)


@shares.mistake
def nothing_for_empty_rows(counts):
    """An empty row has shares, too. Which ones does the exercise ask for?"""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def test_a_mistake_with_its_edge_case_handled():
    def handled(counts):
        return of_the_columns(counts) if counts.any() else shares(counts)

    assert shares.diagnose(handled).mistake == "of the columns"


def test_two_mistakes_at_once():
    @exercise("01.root", inputs=lambda generator: [(x,) for x in (-1.37, -2.71, 0.31, 3.77, 11.3, 17.9)])
    def root(x):
        return np.sqrt(abs(x)) * np.sign(x)

    @root.mistake
    def no_sign(x):
        """A negative number keeps its sign."""
        return np.sqrt(abs(x))

    @root.mistake
    def too_large(x):
        """A large number has a root, too."""
        return root(x) if x < 10 else x

    verdict = root.diagnose(lambda x: too_large(abs(x)))
    assert verdict.mistake == "no sign, and too large"
    assert verdict.hint.startswith("Two things at once. A negative number")
    assert "And besides: A large number" in verdict.hint


def test_two_thoughts_that_explain_the_same_are_both_named():
    @exercise("01.twice", inputs=lambda generator: [(1.37,), (2.71,), (3.5,)])
    def twice(number):
        return 2 * number + 0.123

    @twice.mistake
    def squared(number):
        """You square the number."""
        return number**2 if number != 3.5 else 2 * number

    @twice.mistake
    def a_power(number):
        """You take the number to its own power."""
        return number**2 if number != 3.5 else 3 * number

    verdict = twice.diagnose(lambda n: n**2 if n != 3.5 else twice(n))
    assert verdict.mistake == "squared, or a power"
    assert "Which is yours? On\n\n    twice(3.5)\n\nthe first returns 7.0, and the second 10.5." in verdict.hint


def test_an_input_that_parts_two_thoughts_decides_between_them():
    """No input of the exercise does; one that another seed draws may."""

    def inputs(generator):
        yield from ((1.37,), (2.71,), (3.5,), (float(generator.choice([8.25, 9.75])),))

    @exercise("01.twice", inputs=inputs)
    def twice(number):
        return 2 * number + 0.123

    @twice.mistake
    def squared(number):
        """You square the number."""
        return number**2 if number not in (3.5, judged) else 2 * number

    @twice.mistake
    def doubled_or_squared(number):
        """You square small numbers only."""
        return {3.5: 10.5, judged: 17.0}.get(number, number**2 if number < 8 else 5 * number)

    [judged] = [number for (number,) in twice.cases if number > 8]
    right_where_they_differ = {3.5: twice(3.5), judged: twice(judged)}
    verdict = twice.diagnose(lambda n: right_where_they_differ.get(n, n**2 if n < 8 else 5 * n))
    assert verdict.mistake == "doubled or squared" and verdict.hint == "You square small numbers only."
    assert twice.diagnose(lambda n: right_where_they_differ.get(n, n**2)).mistake == "squared"


def test_what_an_answer_prints_is_shown_where_it_is_wrong(capsys):
    def wrong(values, factor):
        print("factor is", factor)
        return [7.25] * len(values)

    verdict = scaled.diagnose(wrong)
    assert verdict.printed == "factor is 1\n"
    assert verdict.message.endswith("    It prints:\n    factor is 1")
    assert capsys.readouterr() == ("", "")


def test_a_verdict_has_what_was_seen_as_fields():
    verdict = scaled.diagnose(lambda values, factor: [values[0] * factor + 0.5 * (values[0] > 2), *values[1:]])
    assert (verdict.status, verdict.rights, verdict.inputs) == ("different", 1, 3)
    assert eval(verdict.example.call, {"scaled": scaled}) == [2, 4, 6]
    assert (verdict.example.expected, verdict.example.given, verdict.example.at) == ("[2, 4, 6]", "[2.0, 2, 3]", (1,))


def test_a_function_that_does_the_exercise_may_be_forbidden():
    @exercise("01.norm", inputs=lambda generator: [(torch.ones(2, 3),)], forbidden=["torch.nn.functional.layer_norm"])
    def norm(x):
        return torch.nn.functional.layer_norm(x, (3,))

    verdict = norm.diagnose(lambda x: torch.nn.LayerNorm(3, elementwise_affine=False)(x))
    assert (verdict.status, "torch.nn.functional.layer_norm" in verdict.hint) == ("forbidden", True)
    assert norm.diagnose(lambda x: x - x.mean(dim=1, keepdim=True)).status == "correct"


@pytest.mark.parametrize("answer", [0.98, 0.9801])
def test_of_two_neighbors_the_nearer_one_is_meant(answer):
    near = Question("01.near", 0.5, hint="Look.", mistakes={0.98: "Not 0.98.", 0.9801: "Not 0.9801.", 3: "Not 3."})
    assert near.diagnose(answer).hint == f"Not {answer}."
    assert near.diagnose(0.985).status == "different"


def test_a_mistake_to_the_digit_is_not_swallowed_by_the_answer():
    square = Question("01.square", 0.9801, hint="Look.", mistakes={0.98: "Not yet squared.", 1: "No.", 2: "No."})
    assert square.diagnose(0.98).hint == "Not yet squared."
    assert square.diagnose(0.9803).status == "correct"


def test_a_number_that_looks_like_another_of_the_answer():
    bits = Question("01.bits", 10.25, hint="Count the bits.", mistakes={1: "No.", 2: "No.", 3: "No."})
    verdict = bits.diagnose(10.25 * np.log(2))
    assert (verdict.mistake, "10.25" in verdict.message) == ("nats", False)
    assert verdict.message.endswith("Count the bits.")
    assert bits.diagnose(7.5).status == "different"


def test_nothing_an_answer_prints_is_seen(capsys):
    def chatty(values, factor):
        print("a lot of output")
        print("and errors", file=sys.stderr)
        return scaled(values, factor)

    assert told(chatty) == "01.scaled: correct."
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("stub", [..., None, lambda values, factor: None, lambda values, factor: ...])
def test_a_stub_is_unattempted(stub):
    assert scaled.diagnose(stub).status == "unattempted"
    assert told(stub).startswith("01.scaled: not attempted yet")


def test_a_function_that_forgets_to_return_is_told_so():
    prints = "01.scaled: not attempted yet (the function prints, and returns None)."
    assert told(lambda values, factor: print(values)) == prints
    assert told(lambda values, factor: values.sort()) == "01.scaled: not attempted yet (the function returns None)."


def test_half_a_stub_is_an_attempt():
    def half(values, factor):
        if len(values) > 1:
            raise NotImplementedError
        return scaled(values, factor)

    assert scaled.diagnose(half).status == "raised"
    assert scaled.diagnose(lambda values, factor: None if factor > 1 else values).status == "different"


def test_a_function_that_cannot_be_called_like_this():
    assert told(lambda values: values) == (
        "01.scaled: it is called with 2 arguments, (values, factor), and yours takes\n(values)."
    )
    assert "yours takes\n(*, values, factor=1)." in told(lambda *, values, factor=1: 0)
    assert told(lambda factor, values: 0) == (
        "01.scaled: its arguments come in the order (values, factor), and yours takes\n(factor, values)."
    )


def test_a_result_in_place_of_the_function():
    assert told([2, 4]) == (
        "01.scaled: this exercise takes a function, and was given a list of length 2:\n"
        "perhaps the result of calling scaled. Pass the function itself, without\n"
        'brackets after its name: check("01.scaled", scaled)'
    )


def test_verdicts_are_the_same_every_time():
    def random(values, factor):
        return np.random.rand(4).tolist()

    assert told(random) == told(random)


def test_inputs_are_tried_from_the_smallest():
    assert [len(values) for values, _ in scaled.cases] == [1, 3, 30]


def test_tolerance_and_a_comparison_of_its_own():
    def third(count):
        return 1 / 3

    loose = exercise("01.third", inputs=lambda generator: [(1,)], rtol=0.02)(third)
    assert told(lambda count: 0.33, loose) == "01.third: correct."
    assert loose.diagnose(lambda count: 0.3).status == "different"
    same_length = exercise(
        "01.any", inputs=lambda generator: [(2,)], compare=lambda expected, given: len(given) == len(expected)
    )(lambda count: "ab")
    assert told(lambda count: [1, 2], same_length) == "01.any: correct."
    assert same_length.diagnose(lambda count: 3).status == "different"  # which has no length


@pytest.mark.parametrize("answer", [55, 55.0, np.int64(55), np.array(55), torch.tensor(55)])
def test_right_values(answer):
    assert told(answer, cells) == "01.cells: correct."


def test_wrong_values():
    assert told(100.0, cells) == "01.cells: not yet.\nThat is the whole square."
    assert told(-3, cells) == "01.cells: not yet.\nA count has no sign."
    assert cells.diagnose(-3).mistake == "is_negative"
    assert cells.diagnose(45).mistake == "45"
    assert told(55.1, cells) == "01.cells: not yet.\nCount the cells of the first row, then of the second."
    assert told("55", cells) == "01.cells: the answer is a number, and this is a str of length 2."
    assert told(len, cells) == "01.cells: the answer is a number, and this is a function."
    assert told([55], cells) == "01.cells: the answer is a number, and this is a list of length 1."
    assert told(..., cells) == told(None, cells) == "01.cells: not attempted yet."


def test_a_value_may_be_rounded_where_it_is_no_integer():
    third = Question("01.third", 1 / 3, hint="Divide.", mistakes={0.5: "Not two.", 0.25: "Not four.", 1: "Not one."})
    assert told(0.333, third) == "01.third: correct."
    assert third.diagnose(0.3).status == "different"
    assert third.diagnose(0.499).mistake == "0.5"
    assert third.diagnose(0.999).status == "different"  # 1 is an integer


def test_texts_and_sets():
    word = Question("01.word", "Love", hint="Read.", mistakes={"I": "No.", "you": "No.", "they": "No."})
    assert told(" love ", word) == "01.word: correct."
    assert word.diagnose("YOU").mistake == "'you'"
    dead = Question("01.dead", {"oranges", "grapes"}, hint="Look.", mistakes={("love",): "It is not."})
    assert told(["grapes", "oranges"], dead) == "01.dead: correct."
    assert dead.diagnose(["love"]).status == "mistake"
    assert dead.diagnose("love").status == "unusable"


def test_a_mistake_must_have_a_hint_and_the_same_arguments():
    with pytest.raises(ValueError, match=r"silent has no docstring: a mistake of 01.scaled needs one, its hint"):

        @scaled.mistake
        def silent(values, factor):
            return 0

    with pytest.raises(ValueError, match=r"other takes \['values'\]: a mistake of 01.scaled takes"):

        @scaled.mistake
        def other(values):
            """Something."""

    with pytest.raises(ValueError, match=r"inputs of 01.bare must yield tuples"):
        Exercise("01.bare", len, inputs=lambda generator: [3]).diagnose(len)


def test_unknown_exercises_are_named_with_those_that_are_near(capsys):
    assert diagnose("01.bigram_count").message.startswith(
        "01.bigram_count: no exercise has this name. There is 01.bigram_counts"
    )
    assert "There is 01.bigram_counts" in diagnose("01.nothing_like_it").message
    message = " ".join(diagnose("1.bigram_counts").message.split())
    assert message.startswith("1.bigram_counts: no chapter of that number has exercises; there are 00, 01, 02, ")
    assert message.endswith(f"{list(exercises.CHAPTERS)[-1]}.")
    assert diagnose(scaled, "01.scaled").message == (
        'check: the exercise comes first, as a text, and then the answer:\ncheck("01.…", …)'
    )
    assert {verdict.status for verdict in map(diagnose, ("01.x", "x", 3, None))} == {"unknown"}


def test_a_chapter_that_cannot_be_loaded(monkeypatch):
    monkeypatch.setitem(exercises.CHAPTERS, "77", "no_such_chapter")
    assert "77.one: the exercises of chapter 77 cannot be loaded: No module named" in diagnose("77.one").message


def test_check_prints_the_verdict_and_returns_nothing(capsys):
    assert check("01.bigram_counts", ...) is None
    assert check("01.bigram_counts") is None
    assert capsys.readouterr() == ("01.bigram_counts: not attempted yet.\n" * 2, "")


def test_a_stream_that_cannot_write_everything(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    check("01.é")
    sys.stdout.flush()
    assert written.getvalue().startswith(b"01.\\xe9: no exercise has this name.")


def test_not_even_a_fault_of_the_book_gets_out_of_check(monkeypatch, capsys):
    broken = exercise("01.broken", inputs=lambda generator: [(1 / 0,)])(lambda number: number)
    monkeypatch.setattr(exercises, "exercises_of", lambda chapter: {"01.broken": broken})
    check("01.broken", lambda number: number)
    assert "01.broken: cannot be checked, which is a fault of the book" in capsys.readouterr().out


def test_an_interrupt_is_a_verdict(monkeypatch, capsys):
    def interrupted(chapter):
        raise KeyboardInterrupt

    monkeypatch.setattr(exercises, "exercises_of", interrupted)
    check("01.bigram_counts", len)
    assert capsys.readouterr().out == "01.bigram_counts: stopped.\n"
