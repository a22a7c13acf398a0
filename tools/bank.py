"""How many wrong answers are recognized: `python tools/bank.py [tuning | held_out] [NAME …]`.

tests/exercises/bank/HALF/NAME.toml holds right and wrong answers to the exercises of a chapter. Each is given to
`diagnose`, in a process that is ended if it hangs. Whether a hint names the thought behind an answer is judged by a
person: `--unjudged > FILE` lists answers, thoughts and hints, and `--judge FILE` records what was filled in. A
judgement holds for the hint's text, its numbers apart; a hint that says something else since is not judged.
"""

import argparse
import ast
import collections
import hashlib
import json
import multiprocessing
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BANK = ROOT / "tests" / "exercises" / "bank"
HALVES = ("tuning", "held_out")
JUDGEMENTS = ("named", "misleading", "vague")
COLUMNS = ("named", "only a counter-example", "misleading", "accepted", "not judged")
PATIENCE = 60  # seconds; `diagnose` itself gives up before, unless C code keeps the interpreter


@dataclass(frozen=True)
class Answer:
    """An answer of the bank, and what the thought behind it was."""

    chapter: str
    exercise: str
    right: bool
    text: str
    is_code: bool
    thought: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.exercise}\n{self.text.strip()}".encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Outcome:
    """What `diagnose` said of an answer."""

    answer: Answer
    status: str
    hint: str

    @property
    def blanked(self) -> str:
        """The hint without its numbers, which vary with the answer and the machine."""
        return re.sub(r"[-−]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?", "#", " ".join(self.hint.split()))

    def column(self, judged: dict[str, dict[str, str]]) -> str:
        if self.status == "correct":
            return "accepted"
        return self._judged(judged) if self.hint else "only a counter-example"

    def _judged(self, judged: dict[str, dict[str, str]]) -> str:
        known = judged.get(self.answer.digest, {})
        if known.get("hint") != self.blanked:
            return "not judged"
        return "only a counter-example" if known["judgement"] == "vague" else known["judgement"]


def answers(half: str, names: Iterable[str] = (), bank: Path = BANK) -> list[Answer]:
    """The answers of one half, or of the chapters in it whose names begin with one of these."""
    found = []
    for path in sorted((bank / half).glob("*.toml")):
        if not names or path.stem.startswith(tuple(names)):
            for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("answer", []):
                is_code = "code" in entry
                text = entry["code"] if is_code else str(entry["value"])
                found.append(
                    Answer(path.stem, entry["exercise"], entry["right"], text, is_code, entry.get("thought", ""))
                )
    return found


def outcomes(given: list[Answer], jobs: int = 1, patience: float = PATIENCE) -> list[Outcome]:
    """Diagnose the answers, a process for each chapter, so many of them at once."""
    by_chapter = collections.defaultdict(list)
    for answer in given:
        by_chapter[answer.chapter].append(answer)
    with ThreadPoolExecutor(jobs) as pool:
        return [
            one for found in pool.map(lambda of: list(_diagnosed(of, patience)), by_chapter.values()) for one in found
        ]


def _diagnosed(given: list[Answer], patience: float) -> Iterator[Outcome]:
    worker = ours = None
    for answer in given:
        if worker is None:
            ours, theirs = multiprocessing.get_context("spawn").Pipe()
            worker = multiprocessing.get_context("spawn").Process(target=_work, args=(theirs,), daemon=True)
            worker.start()
            theirs.close()
        ours.send(answer)
        try:
            status, hint = ours.recv() if ours.poll(patience) else ("hung", "")
        except EOFError:
            status, hint = "died", ""
        if status in ("hung", "died"):
            worker.kill()
            worker = None
        yield Outcome(answer, status, hint)
    if worker is not None:
        worker.kill()


def _work(connection: Any) -> None:
    sys.path.insert(0, str(ROOT))
    from transformer_lib.exercises import diagnose

    while True:
        answer = connection.recv()
        try:
            verdict = diagnose(answer.exercise, made(answer))
            connection.send((verdict.status, verdict.hint))
        except Exception as error:  # the bank's own fault, which must be seen
            connection.send(("unreadable", f"{type(error).__name__}: {error}"))


def made(answer: Answer) -> Any:
    """The function or the value that an answer's text stands for."""
    import math

    import numpy as np
    import torch

    names: dict[str, Any] = {"math": math, "np": np, "torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    if not answer.is_code:
        return eval(answer.text, names)
    exec(compile(answer.text, answer.exercise, "exec"), names)
    defined = [node.name for node in ast.parse(answer.text).body if isinstance(node, ast.FunctionDef)]
    return names[defined[-1]]


def table(found: list[Outcome], judged: dict[str, dict[str, str]]) -> str:
    """The shares of each chapter, and of all."""
    head = ["chapter", "right accepted", "wrong", *COLUMNS]
    chapters = {one.answer.chapter: [] for one in found} | {"all": []}
    for one in found:
        chapters[one.answer.chapter].append(one)
        chapters["all"].append(one)
    rows = [head]
    for chapter, of in chapters.items():
        rights = [one for one in of if one.answer.right]
        counts = collections.Counter(one.column(judged) for one in of if not one.answer.right)
        total = sum(counts.values())
        accepted = sum(one.status == "correct" for one in rights)
        shares = [f"{counts[column]} ({counts[column] / max(1, total):.0%})" for column in COLUMNS]
        rows.append([chapter, f"{accepted} of {len(rights)}", str(total), *shares])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def unjudged(found: list[Outcome], judged: dict[str, dict[str, str]]) -> str:
    """The hints that nobody has judged yet, as TOML to be filled in."""
    return "\n".join(
        f"[{one.answer.digest}]\nexercise = {quoted(one.answer.exercise)}\nthought = {quoted(one.answer.thought)}\n"
        f"answer = {quoted(one.answer.text.strip())}\nstatus = {quoted(one.status)}\nhint = {quoted(one.hint)}\n"
        f'judgement = ""  # {", ".join(JUDGEMENTS)}\n'
        for one in {one.answer.digest: one for one in found}.values()
        if not one.answer.right and one.column(judged) == "not judged"
    )


def quoted(text: str) -> str:
    """A text as TOML: as it is, where it has lines and nothing that TOML reads otherwise."""
    plain = "\n" in text and "'''" not in text and text.replace("\n", "").replace("\t", "").isprintable()
    return f"'''\n{text}'''" if plain else json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def judge(filled: str, judged: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Add what was filled in to what is known; an empty judgement is left for later."""
    known = dict(judged)
    for digest, entry in tomllib.loads(filled).items():
        if (judgement := entry["judgement"]) and judgement not in JUDGEMENTS:
            raise ValueError(f"judgement={judgement!r} of {digest} must be one of {', '.join(JUDGEMENTS)}, or empty")
        if judgement:
            answer = Answer("", entry["exercise"], False, entry["answer"], True)
            known[digest] = {"hint": Outcome(answer, "", entry["hint"]).blanked, "judgement": judgement}
    return dict(sorted(known.items()))


def load_judged(bank: Path = BANK) -> dict[str, dict[str, str]]:
    path = bank / "judged.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def save_judged(judged: dict[str, dict[str, str]], bank: Path = BANK) -> None:
    text = json.dumps(judged, ensure_ascii=False, indent=1)
    (bank / "judged.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("half", nargs="?", choices=HALVES, default="tuning")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only chapters whose names begin so")
    parser.add_argument("--unjudged", action="store_true", help="list the hints that nobody has judged")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="record the judgements filled in")
    parser.add_argument("--show", metavar="COLUMN", help="list the answers counted there, or 'refused'")
    parser.add_argument("--jobs", type=int, default=1, help="chapters at once")
    options = parser.parse_args()
    judged = load_judged()
    if options.judge:
        save_judged(judge(options.judge.read_text(encoding="utf-8"), judged))
        return
    found = outcomes(answers(options.half, options.names), options.jobs)
    if options.unjudged:
        print(unjudged(found, judged))
    elif options.show:
        for one in found:
            wanted = "refused" if one.answer.right and one.status != "correct" else one.column(judged)
            if wanted == options.show and (wanted == "refused" or not one.answer.right):
                print(f"{one.answer.exercise} [{one.status}] {one.answer.thought}")
                print(f"{one.answer.text.strip()}\n→ {one.hint}\n")
    else:
        print(table(found, judged))


if __name__ == "__main__":
    main()
