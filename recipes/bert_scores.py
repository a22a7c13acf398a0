"""What the small BERT and its causal twin make of the test plays: blanks filled, and pairs judged. Two minutes.

python recipes/bert.py             comes first
python recipes/bert_scores.py    writes trained/bert_scores
"""

import json
import math
import time
from collections.abc import Iterable

import torch
from _cards import TRAINED, write_card
from bert import CONTEXT_LENGTH, lines_of, marks_of
from torch import Tensor

from transformer_lib.architectures import MaskedLanguageModel
from transformer_lib.data import shakespeare
from transformer_lib.masks import CAUSAL, padding_mask
from transformer_lib.models.bert import BertForPreTraining
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import PassageSampler, load, pad_to_longest

SEED = 0
BLANKS, LEFT, RIGHT = 600, 44, (0, 1, 2, 4, 8, 16, 44)  # how many, and the characters given on each side
FROM = (2, 4)  # after how many characters on the right the gain of all the others is measured
WEIGHED, READ_ON = 300, (0, 1, 2, 4, 8, 16)  # blanks for which the twin weighs every character, and how far it reads on
WORDS, LENGTHS = 320, (3, 4, 5, 6)  # whole words hidden, and their letters
PAIRS = 500  # of each kind, or a few less
AT_ONCE = 200

Marks = dict[str, int]


def draw_blanks(tokenizer: CharacterTokenizer, lines: PassageSampler, n: int, generator: torch.Generator) -> Tensor:
    """(n, LEFT + 1 + max(RIGHT)) passages that have a letter at LEFT."""
    letters = torch.tensor([symbol.isalpha() for symbol in tokenizer.symbols])
    rows = next(lines.passages(LEFT + 1 + max(RIGHT), 2 * n, generator))
    return rows[letters[rows[:, LEFT]]][:n]


def draw_words(
    tokenizer: CharacterTokenizer, lines: PassageSampler, length: int, n: int, generator: torch.Generator
) -> Tensor:
    """(n, CONTEXT_LENGTH - 2) passages with a whole word of lower case and this length in the middle, from LEFT on."""
    lower = torch.tensor([symbol.islower() for symbol in tokenizer.symbols])
    letters = torch.tensor([symbol.isalpha() or symbol == "'" for symbol in tokenizer.symbols])
    rows = next(lines.passages(CONTEXT_LENGTH - 2, 40 * n, generator))
    whole = lower[rows[:, LEFT : LEFT + length]].all(1) & ~letters[rows[:, LEFT - 1]] & ~letters[rows[:, LEFT + length]]
    return rows[whole][:n]


def from_both_sides(model: MaskedLanguageModel, left: Tensor, right: Tensor, marks: Marks, n: int = 1) -> Tensor:
    """ln p (B, n, V) of the n characters between left (B, L) and right (B, R)."""
    cls, mask, sep = (left.new_full((len(left), k), marks[m]) for m, k in (("[CLS]", 1), ("[MASK]", n), ("[SEP]", 1)))
    x = model.encode(torch.cat([cls, left, mask, right, sep], dim=1))[:, left.shape[1] + 1 :][:, :n]
    return model.head(x).log_softmax(dim=-1)


def from_the_left(model: MaskedLanguageModel, left: Tensor, marks: Marks) -> Tensor:
    """ln p (B, V) of the character after left (B, L)."""
    inputs = torch.cat([left.new_full((len(left), 1), marks["[CLS]"]), left], dim=1)
    return model.head(model.encode(inputs, mask=CAUSAL)[:, -1]).log_softmax(dim=-1)


def weighed(model: MaskedLanguageModel, left: Tensor, right: Tensor, marks: Marks) -> Tensor:
    """ln p (R + 1, V) of the character between left (L,) and none, one, … or all R characters of right (R,), by Bayes.

    p(c | left, right) is p(c | left) p(right | left, c), over the sum of that for all c: try each, and read on.
    """
    log_left = from_the_left(model, left[None], marks)[0]
    every = torch.arange(len(log_left))[:, None]
    cls, left, right = (x.repeat(len(log_left), 1) for x in (left.new_tensor([marks["[CLS]"]]), left, right))
    x = model.encode(torch.cat([cls, left, every, right], dim=1), mask=CAUSAL)[:, left.shape[1] + 1 : -1]
    log_right = model.head(x).log_softmax(dim=-1).gather(2, right[:, :, None]).squeeze(2)  # (V, R)
    return torch.cat([log_left[:, None], log_right], dim=1).cumsum(dim=1).T.log_softmax(dim=1)


def bits_of(scores: Tensor, truth: Tensor) -> Tensor:
    """What each of some tokens (N,) costs by log-probabilities (N, V)."""
    return -scores.gather(1, truth[:, None]).squeeze(1) / math.log(2)


def summary(log_p: Iterable[Tensor], truth: Tensor) -> dict[str, float]:
    """Bits with their standard error, and how often the truth is the first guess, with its error."""
    scores = torch.cat(list(log_p))
    bits = bits_of(scores, truth)
    first = (scores.argmax(dim=1) == truth).double()
    return {
        "bits": float(bits.mean()),
        "bits_error": float(bits.std() / len(bits) ** 0.5),
        "first": float(first.mean()),
        "first_error": float(first.std() / len(bits) ** 0.5),
    }


def score_blanks(bert: MaskedLanguageModel, twin: MaskedLanguageModel, rows: Tensor, marks: Marks) -> dict:
    """Both models on the same blanks, with more and more of what stands to the right."""
    parts = rows.split(AT_ONCE)

    def scores(k: int, left: int = 0) -> Tensor:
        right = slice(LEFT + 1, LEFT + 1 + k)
        return torch.cat([from_both_sides(bert, x[:, left:LEFT], x[:, right], marks)[:, 0] for x in parts])

    def both(k: int, left: int = 0) -> dict[str, float]:
        return summary([scores(k, left)], rows[:, LEFT])

    def gain(k: int) -> dict[str, float]:
        """Bits that the rest of the right side saves after k characters: a mean of differences, blank by blank."""
        saved = bits_of(scores(k), rows[:, LEFT]) - bits_of(scores(max(RIGHT)), rows[:, LEFT])
        return {"bits": float(saved.mean()), "bits_error": float(saved.std() / len(saved) ** 0.5)}

    some, right = rows[:WEIGHED], slice(LEFT + 1, LEFT + 1 + max(READ_ON))
    truth = some[:, LEFT]
    tried = torch.stack([weighed(twin, x[:LEFT], x[right], marks) for x in some], dim=1)  # (R + 1, WEIGHED, V)
    return {
        "twin": summary((from_the_left(twin, x[:, :LEFT], marks) for x in parts), rows[:, LEFT]),
        "right": {str(k): both(k) for k in RIGHT},
        "gained by the rest": {str(k): gain(k) for k in FROM},
        "right alone": both(max(RIGHT), left=LEFT),
        "twin by right": {str(k): summary([tried[k]], truth) for k in READ_ON},
        "weighed": {
            "twin, left": summary([tried[0]], truth),
            "twin, each tried": summary([tried[-1]], truth),
            "BERT": summary([from_both_sides(bert, some[:, :LEFT], some[:, right], marks)[:, 0]], truth),
        },
    }


def fill_one_at_a_time(model: MaskedLanguageModel, row: Tensor, length: int, marks: Marks) -> Tensor:
    """The hidden characters (length,) of a passage, the surest first, each in the light of those before it."""
    inputs = torch.cat([row.new_tensor([marks["[CLS]"]]), row, row.new_tensor([marks["[SEP]"]])])
    hidden = torch.arange(LEFT + 1, LEFT + 1 + length)
    inputs[hidden] = marks["[MASK]"]
    while len(hidden):
        log_p = model(inputs[None])[0, hidden].log_softmax(dim=-1).max(dim=-1)
        surest = int(log_p.values.argmax())
        inputs[hidden[surest]] = log_p.indices[surest]
        hidden = hidden[torch.arange(len(hidden)) != surest]
    return inputs[LEFT + 1 : LEFT + 1 + length]


def write_on(model: MaskedLanguageModel, left: Tensor, length: int, marks: Marks) -> Tensor:
    """The likeliest next characters (B, length), one after the other."""
    rows = left
    for _ in range(length):
        rows = torch.cat([rows, from_the_left(model, rows, marks).argmax(dim=1, keepdim=True)], dim=1)
    return rows[:, left.shape[1] :]


def score_words(bert: MaskedLanguageModel, twin: MaskedLanguageModel, words: dict[int, Tensor], marks: Marks) -> dict:
    """The share of hidden words, whose length is known, that each way of filling gets right to the letter."""
    scores: dict[str, dict[str, float]] = {"twin": {}, "all at once": {}, "one at a time": {}}
    for length, rows in words.items():
        left, truth, right = rows.split([LEFT, length, rows.shape[1] - LEFT - length], dim=1)
        filled = {
            "twin": write_on(twin, left, length, marks),
            "all at once": from_both_sides(bert, left, right, marks, length).argmax(dim=-1),
            "one at a time": torch.stack([fill_one_at_a_time(bert, row, length, marks) for row in rows]),
        }
        for name, guess in filled.items():
            scores[name][str(length)] = float((guess == truth).all(dim=1).double().mean())
    return scores


def judge(model: BertForPreTraining, pairs: list[tuple[list[int], list[int]]], marks: Marks) -> float:
    """The share of some pairs of passages of which the model says that B follows A."""
    cls, sep, follow = marks["[CLS]"], marks["[SEP]"], 0
    for part in (pairs[start : start + AT_ONCE] for start in range(0, len(pairs), AT_ONCE)):
        tokens = pad_to_longest([[cls, *a, sep, *b, sep] for a, b in part], marks["[PAD]"])
        segments = pad_to_longest([[0] * (len(a) + 2) + [1] * (len(b) + 1) for a, b in part], 0)
        mask = padding_mask(torch.tensor([len(a) + len(b) + 3 for a, b in part]), tokens.shape[1])
        follow += int((model(tokens, mask=mask, segments=segments)[1].argmax(dim=1) == 0).sum())
    return follow / len(pairs)


def within_speech(a: str, b: str) -> bool:
    """Whether the seam is between two lines of one speech, where the layout does not tell what follows."""
    seam = (a.splitlines()[-1].strip(), b.split("\n")[0].strip())
    return a.endswith("\n") and all(line and not line.endswith(":") for line in seam)


def score_pairs(model: BertForPreTraining, tokenizer: CharacterTokenizer, plays: list[PassageSampler], n: int) -> dict:
    """How often B is said to follow A, for B that does and for three kinds that do not; of all pairs, then of those
    within speeches.
    """
    generator, marks, end = torch.Generator().manual_seed(SEED), marks_of(tokenizer), tokenizer.encode("\n")[0]
    kinds: dict[str, list] = {"follows": [], "swapped": [], "elsewhere in the play": [], "another play": []}
    for play, other in zip(plays, plays[1:] + plays[:1], strict=True):
        many = 12 * n // len(plays)
        drawn = play.pairs(CONTEXT_LENGTH, many, generator, cls=marks["[CLS]"], sep=marks["[SEP]"])
        foreign = next(other.passages(CONTEXT_LENGTH - 3, many, generator)).tolist()
        tokens, segments, random_next = next(drawn)
        for row, middle, random, strange in zip(
            tokens.tolist(), (segments == 0).sum(1).tolist(), random_next.tolist(), foreign, strict=True
        ):
            a, b = row[1 : middle - 1], row[middle:-1]
            kinds["elsewhere in the play" if random else "follows"].append((a, b))
            kinds["another play"].append((a, strange[: len(b)]))
            if not random and end in b:  # what comes first must end where a line ends, as every A in training did
                kinds["swapped"].append((b[: len(b) - b[::-1].index(end)], a))
    inside = {
        name: [pair for pair in pairs if within_speech(*map(tokenizer.decode, pair))] for name, pairs in kinds.items()
    }
    return {
        where: {name: judge(model, pairs[:: max(1, len(pairs) // n)][:n], marks) for name, pairs in some.items()}
        for where, some in {"all pairs": kinds, "within speeches": inside}.items()
    }


@torch.no_grad()
def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    tokenizer = CharacterTokenizer.load(TRAINED / "bert" / "tokenizer.json")
    marks, generator = marks_of(tokenizer), torch.Generator().manual_seed(SEED)
    both = load(TRAINED / "bert")
    twin = load(TRAINED / "bert_twin")
    lines = lines_of(tokenizer, shakespeare.load().test)
    words = {n: draw_words(tokenizer, lines, n, WORDS // len(LENGTHS), generator) for n in LENGTHS}
    plays = [lines_of(tokenizer, shakespeare.plays()[title]) for title in shakespeare.SPLIT["test"]]
    results = {
        "left": LEFT,
        **score_blanks(both.masked, twin, draw_blanks(tokenizer, lines, BLANKS, generator), marks),
        "words": score_words(both.masked, twin, words, marks),
        "said to follow": score_pairs(both, tokenizer, plays, PAIRS),
    }
    (TRAINED / "bert_scores").mkdir(exist_ok=True)
    (TRAINED / "bert_scores" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_card(
        "bert_scores",
        chapter="15",
        command="python recipes/bert_scores.py",
        seed=SEED,
        seconds=round(time.process_time() - started, 1),
        settings={"blanks": BLANKS, "weighed": WEIGHED, "read_on": READ_ON, "words": WORDS, "pairs": PAIRS},
    )


if __name__ == "__main__":
    main()
