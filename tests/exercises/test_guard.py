"""Whatever somebody else's code does, the caller comes back, and nothing has changed."""

import contextlib
import math
import os
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest
import torch

from transformer_lib.exercises.guard import Ending, Stopped, _StoppableThread, printed, run_guarded

LIMIT = 0.2


def loops_forever():
    while True:
        pass


def swallows_exceptions_inside_the_loop():
    while True:
        try:
            sum(range(10))
        except:  # noqa: E722
            pass


def swallows_with_finally():
    while True:
        try:
            sum(range(10))
        finally:
            continue  # noqa: B012


def swallows_with_suppress():
    while True:
        with contextlib.suppress(BaseException):
            sum(range(10))


def swallows_in_three_layers():
    while True:
        with contextlib.suppress(BaseException):
            with contextlib.suppress(BaseException):
                with contextlib.suppress(BaseException):
                    loops_forever()


def waits_in_short_sleeps():
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.001)


def handles_the_exception_at_length():
    while True:
        try:
            sum(range(10))
        except BaseException as exception:
            [str(exception) for _ in range(100)]


def keeps_every_exception():
    kept = []
    while True:
        try:
            sum(range(10))
        except BaseException as exception:
            kept.append(exception)


@pytest.mark.parametrize(
    "never_ends",
    [
        loops_forever,
        swallows_exceptions_inside_the_loop,
        swallows_with_finally,
        swallows_with_suppress,
        swallows_in_three_layers,
        waits_in_short_sleeps,
        handles_the_exception_at_length,
        keeps_every_exception,
    ],
)
def test_an_endless_loop_is_ended(never_ends):
    before = threading.active_count()
    assert run_guarded([lambda: 1, lambda: 2, never_ends, lambda: 3], seconds=LIMIT) == ([1, 2], Ending.STOPPED)
    assert threading.active_count() == before


def test_results_come_in_order():
    assert run_guarded([lambda: 1, lambda: 2], seconds=60) == ([1, 2], Ending.FINISHED)
    assert run_guarded([], seconds=60) == ([], Ending.FINISHED)


def test_a_result_after_the_limit_does_not_count():
    def gives_in():
        try:
            loops_forever()
        except BaseException:
            return "too late"

    assert run_guarded([lambda: 1, gives_in, lambda: 3], seconds=LIMIT) == ([1], Ending.STOPPED)


@pytest.fixture
def left_behind():
    """The threads that a test leaves running; the streams are the test's own again afterwards."""
    streams = sys.stdout, sys.stderr
    yield lambda: [thread for thread in threading.enumerate() if isinstance(thread, _StoppableThread)]
    sys.stdout, sys.stderr = streams


def test_a_thread_in_c_code_is_left_behind_and_ends_when_it_comes_back(left_behind):
    asleep = threading.Lock()
    with asleep:
        assert run_guarded([asleep.acquire], seconds=LIMIT, patience=LIMIT) == ([], Ending.STUCK)
        (thread,) = left_behind()
    thread.join(60)
    assert not left_behind()


def test_a_thread_left_behind_is_mute(left_behind, capsys):
    printed = threading.Event()

    def chatters():
        while True:
            print("more")
            printed.set()

    assert run_guarded([chatters], seconds=LIMIT, patience=0) == ([], Ending.STUCK)
    print("the caller's own output")
    printed.clear()
    assert printed.wait(60)
    (thread,) = left_behind()
    assert thread.stop(60)
    assert capsys.readouterr().out == "the caller's own output\n"


def test_an_exception_is_the_callers():
    def fails():
        raise ZeroDivisionError("as expected")

    with pytest.raises(ZeroDivisionError, match="as expected"):
        run_guarded([lambda: 1, fails], seconds=60)
    assert run_guarded([lambda: 1], seconds=60) == ([1], Ending.FINISHED)


def test_a_counterfeit_stop_does_no_harm():
    def stops_itself():
        raise Stopped

    assert run_guarded([lambda: 1, stops_itself, lambda: 3], seconds=60) == ([1], Ending.FINISHED)


def test_an_interrupt_ends_the_call(monkeypatch):
    """A Ctrl-C reaches the main thread while it waits; here the waiting raises it."""
    started = threading.Event()

    def never_ends():
        started.set()
        loops_forever()

    def interrupted(thread, seconds):
        assert started.wait(60)
        raise KeyboardInterrupt

    monkeypatch.setattr(_StoppableThread, "wait", interrupted)
    before = threading.active_count()
    assert run_guarded([lambda: 1, never_ends], seconds=60) == ([1], Ending.INTERRUPTED)
    assert threading.active_count() == before


def test_output_and_warnings_are_dropped(capsys):
    def noisy():
        print("x" * 10_000)
        print("x" * 10_000, file=sys.stderr)
        sys.stdout.writelines(["x"] * 10)
        warnings.warn("careful", stacklevel=1)
        sys.stdout = None
        return np.float64(1) / np.float64(0)

    streams = sys.stdout, sys.stderr
    assert run_guarded([noisy], seconds=60)[0] == [np.inf]
    assert (sys.stdout, sys.stderr) == streams
    assert capsys.readouterr() == ("", "")


def test_the_callers_generators_are_left_alone():
    def draw():
        return np.random.rand(), torch.rand(()).item()

    def seed(number):
        np.random.seed(number)
        torch.manual_seed(number)

    seed(7)
    undisturbed = [draw() for _ in range(3)]
    seed(7)
    outside = [draw()]
    inside = run_guarded([draw], seconds=60)
    outside.append(draw())
    run_guarded([lambda: seed(3)], seconds=60)
    outside.append(draw())
    assert outside == undisturbed
    assert inside == run_guarded([draw], seconds=60)  # what an answer draws is the same in every check


def test_recursion_is_kept_shallow_and_its_limit_put_back():
    limit = sys.getrecursionlimit()

    def deeper(depth=0):
        try:
            return deeper(depth + 1)
        except RecursionError:
            return depth

    try:
        sys.setrecursionlimit(100_000)
        (depth, _), _ = run_guarded([deeper, lambda: sys.setrecursionlimit(50_000)], seconds=60)
        assert depth < 3000
        assert sys.getrecursionlimit() == 100_000
    finally:
        sys.setrecursionlimit(limit)


def test_what_a_call_changes_in_the_session_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setenv("KEPT", "as it was")
    before = torch.softmax, np.log, math.exp, os.getcwd(), dict(os.environ), torch.get_default_dtype()

    def careless():
        torch.softmax = np.log = math.exp = None
        del np.linalg.norm
        os.chdir(tmp_path)
        os.environ["KEPT"] = "something else"
        os.environ["ADDED"] = "more"
        torch.set_default_dtype(torch.float64)

    norm = np.linalg.norm
    run_guarded([careless], seconds=60)
    after = torch.softmax, np.log, math.exp, os.getcwd(), dict(os.environ), torch.get_default_dtype()
    assert after == before
    assert np.linalg.norm is norm


def test_an_import_is_neither_counted_nor_interrupted(tmp_path, monkeypatch):
    """The module is slow for as long as the limit and more; what follows the import has its whole time."""
    (tmp_path / "slow_module.py").write_text(
        "import time\nuntil = time.monotonic() + 0.5\nwhile time.monotonic() < until: pass\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def imports():
        import slow_module

        return slow_module.whole

    try:
        assert run_guarded([imports], seconds=LIMIT) == ([True], Ending.FINISHED)
        assert run_guarded([imports, loops_forever], seconds=LIMIT) == ([True], Ending.STOPPED)
    finally:
        sys.modules.pop("slow_module", None)


def test_what_a_call_prints_can_be_asked_for():
    def prints():
        print("one")
        print("two", file=sys.stderr)
        return printed(), printed()

    assert run_guarded([prints], seconds=60) == ([("one\ntwo\n", "")], Ending.FINISHED)
    ((text, _),), _ = run_guarded([lambda: ([print("x" * 10**6) for _ in range(3)], printed())[1:] * 2], seconds=60)
    assert len(text) < 10_000
    assert printed() == ""


def test_pythons_generator_is_left_alone_and_torch_unloaded():
    """In a plain interpreter: here, checking types draws from `random`, and somebody has imported torch."""
    script = """
        import random, sys
        from transformer_lib.exercises.guard import run_guarded

        random.seed(7)
        undisturbed = [random.random() for _ in range(2)]
        random.seed(7)
        outside = [random.random()]
        inside = run_guarded([random.random, lambda: random.seed(3)], seconds=60)
        outside.append(random.random())
        assert outside == undisturbed
        assert inside == run_guarded([random.random, lambda: random.seed(3)], seconds=60)
        assert "torch" not in sys.modules
        print("left alone")
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=300)
    assert (run.stdout, run.stderr) == ("left alone\n", "")
