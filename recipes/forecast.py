"""What the scaling law of the plays says about the book's best GPT, before that GPT has been trained: a minute.

Reads trained/scaling_law/results.json, fits the law to its runs, and adds a forecast to the end of
trained/scaling_law/forecast.json with the day and the hour; those that are there already stay as they were written.

Three things are uncertain, and the interval has all three: which runs there were (a bootstrap over them), what reading
a text again is worth (three thoughts, and what our own runs say where there are any), and how much less the test plays
cost than what the runs are measured on, the beginning of the validation plays (what models of the ladder say, and the
runs that were scored on both).

Beside the law's own runs, two from elsewhere are taken in, which are larger or read longer than the small ones: the
ladder's GPT, and a run of trained/scaling_law/others.json.
"""

import json
import math
from datetime import UTC, datetime

import numpy as np
import torch
from _cards import TRAINED

from transformer_lib.data import shakespeare
from transformer_lib.scaling_laws import PUBLISHED_REPEATS, ScalingLaw, fit_repeats, fit_scaling_law
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import evaluate
from transformer_lib.training import load as load_model

FOLDER = TRAINED / "scaling_law"
TOP = {"parameters": 4_934_912, "steps": 4400, "tokens_a_step": 32 * 128}  # recipes/gpt_best.py
LADDER = "gpt", "llama", "front_page"  # models that are scored on the beginning of the validation plays, too
SCORED = 100_000  # characters of it
GPT_BATCH = 32 * 128  # characters, recipes/gpt.py
DRAWS, SEED = 200, 0
LEVEL = 0.8  # of the interval


class Forecaster:
    """The law of the plays, fitted to the stored runs and to draws from them.

    Args:
        results: What recipes/scaling_law.py has stored.
        others: Runs from elsewhere, with `parameters`, `tokens_seen`, `seed` and `validation`.
        to_test: Bits that the test plays cost more than the beginning of the validation plays, by model; or less, below
            0. Of the runs that were scored on both it is known.
    """

    def __init__(self, results: dict, others: list[dict], to_test: list[float]) -> None:
        self.characters = results["characters_per_token"]
        self.text = results["tokens_of_plays"] * self.characters
        self.to_test = to_test + [run["test"] - run["validation"] for run in results["runs"] if "test" in run]
        fresh = [run for run in results["runs"] if run["share"] == 1 and run["dropout"] == 0]
        best = {}  # of each size and length the run whose rate was best; other seeds are runs of their own
        for run in fresh + others:
            key = run["parameters"], run["tokens_seen"], run["seed"]
            best[key] = min(run, best.get(key, run), key=lambda one: one["validation"])
        self.runs = list(best.values())
        again = [run for run in results["runs"] if run["share"] < 1]
        rng = np.random.default_rng(SEED)
        self.law = self._fitted(self.runs)
        self.laws = [law for draw in range(DRAWS) if (law := self._drawn(rng)) is not None]
        self.own = [self._repeats(law, again) for law in self.laws] if len(again) > 1 else []

    def _columns(self, runs: list[dict]) -> tuple[list[float], list[float], list[float]]:
        return (
            [run["parameters"] for run in runs],
            [run["tokens_seen"] * self.characters for run in runs],
            [run["validation"] for run in runs],
        )

    def _fitted(self, runs: list[dict]) -> ScalingLaw:
        return fit_scaling_law(*self._columns(runs))

    def _drawn(self, rng: np.random.Generator) -> ScalingLaw | None:
        """The law of as many runs drawn with replacement; None where they are too few of one kind."""
        try:
            return self._fitted([self.runs[i] for i in rng.integers(len(self.runs), size=len(self.runs))])
        except ValueError:
            return None

    def _repeats(self, law: ScalingLaw, runs: list[dict]) -> tuple[float, float]:
        sizes, reads, bits = self._columns(runs)
        fitted = fit_repeats(law, sizes, reads, [run["tokens_of_text"] * self.characters for run in runs], bits)
        return fitted.repeats, fitted.excess

    def draws(self, parameters: float, characters_seen: float) -> dict[str, np.ndarray]:
        """Bits on the beginning of the validation plays, one for each draw, by what is thought of repeated text."""
        thoughts = {
            "as new": [(np.inf, np.inf)] * len(self.laws),
            "published": [PUBLISHED_REPEATS] * len(self.laws),
            "repeats alone": [(PUBLISHED_REPEATS[0], np.inf)] * len(self.laws),
        } | ({"own": self.own} if self.own else {})
        return {
            name: np.array(
                [
                    float(
                        ScalingLaw(**{**vars(law), "repeats": repeats, "excess": excess}).loss(
                            parameters, characters_seen, self.text
                        )
                    )
                    for law, (repeats, excess) in zip(self.laws, constants, strict=True)
                ]
            )
            for name, constants in thoughts.items()
        }

    def forecast(self, parameters: float, characters_seen: float) -> tuple[float, float, float]:
        """Bits per character on the test plays: the median, and the interval's ends."""
        draws = np.concatenate(list(self.draws(parameters, characters_seen).values()))
        all_together = np.add.outer(draws, self.to_test).ravel()
        low, bits, high = np.quantile(all_together, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
        return float(bits), float(low), float(high)


def score_ladder() -> list[dict]:
    """Models of the ladder as runs: their bits on the beginning of the validation plays, and on the test plays."""
    text, runs = shakespeare.load().validation[:SCORED], []
    for name in LADDER:
        model, card = load_model(TRAINED / name), json.loads((TRAINED / name / "card.json").read_text(encoding="utf-8"))
        tokens = torch.from_numpy(CharacterTokenizer.load(TRAINED / name / "tokenizer.json").encode_array(text))
        length = model.config.context_length
        nats = evaluate(model.float(), tokens, length=length, overlap=length * 3 // 4, batch_size=32)
        bits = {"validation": round(nats / math.log(2), 4), "test": round(card["bits_per_character"]["test"], 4)}
        runs.append({"name": name, "parameters": card["parameters"], "seed": card["seed"], **bits})
    return runs


def load() -> Forecaster:
    results, others = (
        json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")) for name in ("results", "others")
    )
    path = FOLDER / "ladder.json"
    if not path.exists():
        path.write_text(json.dumps(score_ladder(), indent=1) + "\n", encoding="utf-8")
    ladder = json.loads(path.read_text(encoding="utf-8"))
    [gpt] = [run for run in ladder if run["name"] == "gpt"]
    log = json.loads((TRAINED / "gpt" / "log.json").read_text(encoding="utf-8"))
    characters = log[-1]["step"] * GPT_BATCH
    others.append(gpt | {"tokens_seen": characters / results["characters_per_token"]})
    return Forecaster(results, others, [run["test"] - run["validation"] for run in ladder])


def main() -> None:
    forecaster = load()
    tokens = TOP["steps"] * TOP["tokens_a_step"]
    seen = tokens * forecaster.characters
    bits, low, high = forecaster.forecast(TOP["parameters"], seen)
    thoughts = {
        name: [round(float(x), 3) for x in np.quantile(draws, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])]
        for name, draws in forecaster.draws(TOP["parameters"], seen).items()
    }
    entry = {
        "made": datetime.now(UTC).isoformat(timespec="minutes"),
        "of": {"parameters": TOP["parameters"], "tokens_seen": tokens, "readings": round(seen / forecaster.text, 2)},
        "runs": len(forecaster.runs),
        "law": {name: round(value, 4) for name, value in vars(forecaster.law).items() if np.isfinite(value)},
        "level": LEVEL,
        "test": {"bits": round(bits, 3), "low": round(low, 3), "high": round(high, 3)},
        "validation_by_thought": thoughts,
        "test_above_validation_by": [round(x, 3) for x in forecaster.to_test],
    }
    path = FOLDER / "forecast.json"
    entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    path.write_text(json.dumps([*entries, entry], indent=1) + "\n", encoding="utf-8")
    print(json.dumps(entry, indent=1))


if __name__ == "__main__":
    main()
