"""What the scaling law of the plays says about the book's best GPT, before that GPT has been trained: seconds.

Reads trained/scaling_law/results.json, fits the law to its runs, and adds a forecast to the end of
trained/scaling_law/forecast.json with the day and the hour; those that are there already stay as they were written.

Three things are uncertain, and the interval has all three: which runs there were (a bootstrap over them), what reading
a text again is worth (three thoughts, and what our own runs say where there are any), and how much more the test plays
cost than the validation plays (what models of the ladder say).

Beside the law's own runs, a few that others left are taken in, trained/scaling_law/others.json: of models that are
larger, or read longer, than the small ones.
"""

import json
from datetime import UTC, datetime

import numpy as np
from _cards import TRAINED

from transformer_lib.scaling_laws import PUBLISHED_REPEATS, ScalingLaw, fit_repeats, fit_scaling_law

FOLDER = TRAINED / "scaling_law"
TOP = {"parameters": 4_929_024, "steps": 4400, "tokens_a_step": 32 * 128}  # recipes/gpt_best.py
HARDER = "gpt", "llama", "front_page", "first_transformer", "kneser_ney"  # with scores on both sets
DRAWS, SEED = 200, 0
LEVEL = 0.8  # of the interval


class Forecaster:
    """The law of the plays, fitted to the stored runs and to draws from them.

    Args:
        results: What recipes/scaling_law.py has stored.
        others: Runs from elsewhere, with `parameters`, `tokens_seen`, `seed` and `validation`.
        harder: Bits that the test plays cost more than the validation plays, by model.
    """

    def __init__(self, results: dict, others: list[dict], harder: list[float]) -> None:
        self.characters = results["characters_per_token"]
        self.text = results["tokens_of_plays"] * self.characters
        self.harder = harder
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
        all_together = np.add.outer(draws, self.harder).ravel()
        low, bits, high = np.quantile(all_together, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
        return float(bits), float(low), float(high)


def load() -> Forecaster:
    results, others = (
        json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")) for name in ("results", "others")
    )
    cards = [json.loads((TRAINED / name / "card.json").read_text(encoding="utf-8")) for name in HARDER]
    bits = [card["bits_per_character"] for card in cards]
    return Forecaster(results, others, [one["test"] - one["validation"] for one in bits])


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
        "test_harder_by": [round(x, 3) for x in forecaster.harder],
    }
    path = FOLDER / "forecast.json"
    entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    path.write_text(json.dumps([*entries, entry], indent=1) + "\n", encoding="utf-8")
    print(json.dumps(entry, indent=1))


if __name__ == "__main__":
    main()
