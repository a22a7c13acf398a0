"""A scaling law of the plays from small GPTs: half an hour on one core, taken up where it was if interrupted.

Each size trains along a trunk of a constant rate, and lengths branch off it: over the last quarter of each the rate
falls to 0 (Hägele et al. 2024, arXiv:2405.18392), so that one trunk gives all lengths up to its own. All runs read the
tokens of BPE 1024 and are measured on the same beginning of the validation plays, in bits per character.

Some trunks see a piece of the training plays alone, again and again, with dropout or without: what a fresh token is
worth, and what one that has been read before.

Writes trained/scaling_law/results.json: the runs. The law, its intervals and its forecasts are `forecasting.py`'s.
"""

import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from _cards import TRAINED, write_card
from torch import Tensor, nn

from transformer_lib.data import shakespeare
from transformer_lib.ladder import bits_per_character
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import trapezoid
from transformer_lib.tokenizers.bpe import BYTES, BPETokenizer
from transformer_lib.training import TrainConfig, evaluate, random_windows, train

COMMAND = "python recipes/scaling_law.py"
VOCAB_SIZE, CONTEXT_LENGTH, BATCH_SIZE = 1024, 128, 16
WARM_UP, COOLDOWN = 20, 0.25  # steps; the share of a run's steps over which the rate falls
SCORED = 100_000  # characters of the validation plays
OVERLAP = CONTEXT_LENGTH * 3 // 4
ADAMW_PER_MUON, WEIGHT_DECAY = 0.2, 0.01
CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints" / "scaling_law"


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """One size trained at one rate, on the first `share` of the training plays; `lengths` in steps."""

    d_model: int
    n_layers: int
    n_heads: int
    lengths: tuple[int, ...]
    rate: float = 0.02
    dropout: float = 0.0
    share: float = 1.0
    seed: int = 0

    @property
    def name(self) -> str:
        """What its checkpoints are called."""
        return f"{self.d_model}-{self.n_layers}-{self.rate}-{self.dropout}-{self.share}-{self.seed}"


SMALLEST = {"d_model": 32, "n_layers": 2, "n_heads": 2}
SMALL = {"d_model": 48, "n_layers": 3, "n_heads": 3}
MIDDLE = {"d_model": 64, "n_layers": 4, "n_heads": 4}
LARGE = {"d_model": 96, "n_layers": 5, "n_heads": 6}
TRUNKS = (
    Trunk(**SMALLEST, lengths=(100, 200, 400)),
    Trunk(**MIDDLE, lengths=(100, 200, 400)),
    Trunk(**LARGE, lengths=(100, 200)),
    Trunk(**MIDDLE, lengths=(200, 400), share=1 / 16),
    Trunk(**LARGE, lengths=(100, 200, 400)),
    Trunk(**SMALLEST, lengths=(100, 200, 400, 800)),
    Trunk(**SMALL, lengths=(100, 200, 400, 800)),
    *(Trunk(**size, lengths=(100,), rate=rate) for size in (SMALLEST, MIDDLE, LARGE, SMALL) for rate in (0.01, 0.04)),
    Trunk(**MIDDLE, lengths=(200, 400), share=1 / 16, dropout=0.1),
    Trunk(**MIDDLE, lengths=(100, 200, 400, 800)),
    Trunk(**SMALLEST, lengths=(100, 200, 400, 800), seed=1),
    Trunk(**MIDDLE, lengths=(100, 200, 400), seed=1),
)


def load_tokens() -> tuple[dict[str, Tensor], dict[str, int]]:
    """Return the tokens of the training, validation and test plays, and how many characters they stand for."""
    merges = BPETokenizer.load(TRAINED / "tokens" / "tokenizer.json").merges
    tokenizer, text = BPETokenizer(merges[: VOCAB_SIZE - len(BYTES)]), shakespeare.load()
    texts = {"train": text.train, "validation": text.validation[:SCORED], "test": text.test}
    tokens = {split: torch.tensor(tokenizer.encode(part)) for split, part in texts.items()}
    return tokens, {split: len(part) for split, part in texts.items()}


def bits(model: nn.Module, tokens: Tensor, characters: int) -> float:
    nats = evaluate(model, tokens, length=CONTEXT_LENGTH, overlap=OVERLAP, batch_size=16)
    return round(bits_per_character(nats, len(tokens), characters), 4)


def grown(trunk: Trunk, steps: int, schedule, text: Tensor, checkpoint: Path) -> tuple[nn.Module, float]:
    """The model after so many steps, from where the checkpoint stands; and the training loss of late, in nats."""
    generator = torch.Generator().manual_seed(trunk.seed)
    torch.manual_seed(trunk.seed)
    sizes = {"d_model": trunk.d_model, "n_layers": trunk.n_layers, "n_heads": trunk.n_heads, "d_ff": 4 * trunk.d_model}
    model = gpt(
        GPTConfig(vocab_size=VOCAB_SIZE, context_length=CONTEXT_LENGTH, dropout=trunk.dropout, **sizes), generator
    )
    history = train(
        model,
        random_windows(text, CONTEXT_LENGTH, BATCH_SIZE, generator),
        TrainConfig(steps=steps, max_norm=1.0, log_every=25, checkpoint_every=50),
        optimizer=muon_and_adamw(
            model, muon_lr=trunk.rate, adamw_lr=ADAMW_PER_MUON * trunk.rate, weight_decay=WEIGHT_DECAY
        ),
        schedule=schedule,
        checkpoint=checkpoint,
        changed=["steps", "schedule"],
        generators={"seed": generator},
    )
    return model, history[-1]["loss"]


def branches(trunk: Trunk, tokens: dict[str, Tensor], characters: dict[str, int], done: list[dict]) -> None:
    """Train a trunk and measure its lengths, each where its rate has fallen to 0; those in `done` are left out."""
    text = tokens["train"][: round(len(tokens["train"]) * trunk.share)]
    facts = {name: value for name, value in asdict(trunk).items() if name != "lengths"}
    for steps in trunk.lengths:
        setting = facts | {"steps": steps}
        if any(setting.items() <= run.items() for run in done):
            continue
        before, cooldown = time.process_time(), round(COOLDOWN * steps)
        path, branch = CHECKPOINTS / f"{trunk.name}.safetensors", CHECKPOINTS / f"{trunk.name}-{steps}.safetensors"
        CHECKPOINTS.mkdir(parents=True, exist_ok=True)
        grown(trunk, steps - cooldown, trapezoid(10**9, warmup=WARM_UP, cooldown=1), text, path)
        if not branch.exists():
            shutil.copy(path, branch)
        model, loss = grown(trunk, steps, trapezoid(steps, warmup=WARM_UP, cooldown=cooldown), text, branch)
        run = setting | {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "tokens_seen": steps * BATCH_SIZE * CONTEXT_LENGTH,
            "tokens_of_text": len(text),
            "training": round(bits_per_character(loss, len(tokens["train"]), characters["train"]), 4),
            "validation": bits(model, tokens["validation"], characters["validation"]),
        }
        if trunk.d_model >= MIDDLE["d_model"] and steps >= 400 and trunk.share == 1 and trunk.seed == 0:
            run["test"] = bits(model, tokens["test"], characters["test"])
        done.append(run | {"seconds": round(time.process_time() - before, 1)})
        branch.unlink()
        print(done[-1], flush=True)
        write(done, tokens, characters)


def write(runs: list[dict], tokens: dict[str, Tensor], characters: dict[str, int]) -> None:
    facts = {
        "vocab_size": VOCAB_SIZE,
        "characters_per_token": characters["train"] / len(tokens["train"]),
        "tokens_of_plays": len(tokens["train"]),
        "batch": BATCH_SIZE,
        "context": CONTEXT_LENGTH,
        "cooldown": COOLDOWN,
        "scored": SCORED,
    }
    text = json.dumps(facts | {"runs": runs}).replace('{"d_model"', '\n{"d_model"')
    (TRAINED / "scaling_law").mkdir(exist_ok=True)
    (TRAINED / "scaling_law" / "results.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    torch.set_num_threads(1)
    stored = TRAINED / "scaling_law" / "results.json"
    runs = json.loads(stored.read_text(encoding="utf-8"))["runs"] if stored.exists() else []
    tokens, characters = load_tokens()
    for trunk in TRUNKS:
        branches(trunk, tokens, characters, runs)
    write_card(
        "scaling_law",
        chapter="18",
        command=COMMAND,
        seconds=round(sum(run["seconds"] for run in runs)),
        seed=sorted({run["seed"] for run in runs}),
    )


if __name__ == "__main__":
    main()
