"""Memory against distance, and steps that wait for each other: an LSTM, a CNN, and a GPT side by side.

Three measurements, written to trained/distance/results.json.

"context": the models of the ladder read the test plays in windows, each from an empty state, and the cost of a
character is averaged by how many characters of its window stand before it. Standard errors are over windows.

"recall": a sequence is one of SYMBOLS, then d characters of noise, then a question mark; the answer is the symbol.
Small models learn it for one distance d, three seeds each, until they answer practically all held-out sequences right
or STEPS are over. "LSTM, gates open" is the LSTM again, with the biases of its forget gates at OPEN in place of 1.

"speed": processor time to read one window of LENGTH characters, alone and in a batch, one thread, by the models of the
ladder; with the number of steps that must wait for one another. Minutes on one core; `python recipes/distance.py speed`
measures one of the three anew.
"""

import itertools
import json
import sys
import time
from typing import Any

import torch
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor, nn

from transformer_lib.models.cnn import CNNConfig, cnn
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.lstm import LSTMConfig, lstm
from transformer_lib.training import load

COMMAND = "python recipes/distance.py"
WINDOWS = {"lstm": 512, "cnn": 512, "gpt": 128}  # a GPT has no positions beyond its context length
EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # characters before the one that is predicted: from one to the next
SEEDS, SYMBOLS, NOISE = 3, 8, 8
DISTANCES = (4, 16, 29, 30, 64, 128)
STEPS, EVERY, BATCH, RATE, SCORED, ENOUGH = 600, 50, 32, 5e-3, 512, 0.99
OPEN = 5.0
LENGTH, TOGETHER, TIMES = 128, 32, 9


def by_context(name: str, model: nn.Module, tokens: Tensor) -> dict[str, list[float]]:
    """Mean bits of a character, and its standard error, by how many characters of the window stand before it."""
    length = WINDOWS[name]
    windows = tokens[: (len(tokens) - 1) // length * length + 1].unfold(0, length + 1, length)
    bits = []
    with torch.inference_mode():
        for batch in windows.split(16):
            logits = model(batch[:, :-1]).float().mT
            bits.append(
                nn.functional.cross_entropy(logits, batch[:, 1:], reduction="none") / torch.log(torch.tensor(2))
            )
    cost = torch.cat(bits).double()  # (windows, length); column j has j + 1 characters before the one predicted
    found: dict[str, list[float]] = {}
    for low, high in itertools.pairwise(EDGES):
        if low <= length:
            of_window = cost[:, low - 1 : high - 1].mean(dim=1)
            error = of_window.std() / len(of_window) ** 0.5
            found[str(low)] = [round(of_window.mean().item(), 4), round(error.item(), 4)]
    return found


def draw(d: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A symbol, d characters of noise, and a question mark (size, d + 2); the symbol (size,)."""
    symbol = torch.randint(SYMBOLS, (size,), generator=generator)
    noise = SYMBOLS + torch.randint(NOISE, (size, d), generator=generator)
    question = torch.full((size, 1), SYMBOLS + NOISE)
    return torch.cat((symbol[:, None], noise, question), dim=1), symbol


def small(kind: str, generator: torch.Generator) -> nn.Module:
    """A model of some 10,000 to 20,000 parameters."""
    vocab_size = SYMBOLS + NOISE + 1
    if kind == "GPT":
        context_length = max(DISTANCES) + 2
        sizes = {"d_model": 32, "n_layers": 1, "n_heads": 2, "d_ff": 128}
        config = GPTConfig(vocab_size=vocab_size, context_length=context_length, **sizes)  # type: ignore[arg-type]
        return gpt(config, generator)
    if kind == "CNN":
        return cnn(CNNConfig(vocab_size=vocab_size, d_model=32, kernel_size=3, n_layers=4), generator)
    model = lstm(LSTMConfig(vocab_size=vocab_size, d_embedding=16, d_hidden=48), generator)
    if kind == "LSTM, gates open":
        size = model.lstm.hidden_size
        nn.init.constant_(model.lstm.get_parameter("bias_ih_l0").data[size : 2 * size], OPEN)  # the forget gates
    return model


def learn(kind: str, d: int, seed: int) -> dict[str, float]:
    """Train one model for one distance; return how often it is right in the end, and how many steps that took."""
    generator = torch.Generator().manual_seed(seed)
    model = small(kind, generator)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.0)
    held_out = draw(d, SCORED, torch.Generator().manual_seed(SEEDS))
    right = 0.0
    for step in range(1, STEPS + 1):
        inputs, targets = draw(d, BATCH, generator)
        loss = nn.functional.cross_entropy(model(inputs)[:, -1], targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % EVERY == 0:
            with torch.no_grad():
                right = (model(held_out[0])[:, -1].argmax(-1) == held_out[1]).double().mean().item()
            if right >= ENOUGH:
                break
    return {"accuracy": round(right, 4), "steps": step}


def seconds(model: nn.Module, tokens: Tensor) -> float:
    """Processor time of one forward: the least of several."""
    runs = []
    with torch.inference_mode():
        for _ in range(TIMES):
            started = time.process_time()
            model(tokens)
            runs.append(time.process_time() - started)
    return min(runs)


def speed(name: str, model: Any, tokens: Tensor) -> dict[str, float]:
    """What a forward of one window costs, alone and in a batch, and its multiplications a second."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    weights = sum(p.numel() for p in model.parameters() if id(p) not in tables)
    weights += model.embedding.tokens.weight.numel() if name == "gpt" else 0  # its table of tokens is its head as well
    waits = {"lstm": LENGTH, "cnn": len(getattr(model, "layers", ())), "gpt": len(getattr(model, "blocks", ()))}
    found: dict[str, float] = {"weights": weights, "waits": waits[name]}
    for size in (1, TOGETHER):
        batch = tokens[: size * LENGTH].view(size, LENGTH)
        least = seconds(model, batch)
        found[f"microseconds, {size}"] = round(1e6 * least / batch.numel(), 2)
        found[f"billion multiplications, {size}"] = round(weights * batch.numel() / least / 1e9, 2)
    return found


def recall() -> dict[str, dict[str, list[dict[str, float]]]]:
    """What `learn` finds, by kind and distance, seed by seed."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for kind, d in itertools.product(("GPT", "CNN", "LSTM", "LSTM, gates open"), DISTANCES):
        found.setdefault(kind, {})[str(d)] = [learn(kind, d, seed) for seed in range(SEEDS)]
        print(kind, d, found[kind][str(d)], flush=True)
    return found


def main(parts: list[str]) -> None:
    torch.set_num_threads(1)
    file, started = TRAINED / "distance" / "results.json", time.process_time()
    results = json.loads(file.read_text(encoding="utf-8")) if parts and file.exists() else {}
    took = results.setdefault("seconds", {})
    for part in parts or ("recall", "context", "speed"):
        if part == "recall":
            results[part] = recall()
        else:
            tokens = load_plays()[1]["test"]
            models = {name: load(TRAINED / name) for name in WINDOWS}
            measure = {"context": by_context, "speed": speed}[part]
            results[part] = {name: measure(name, model, tokens) for name, model in models.items()}
        took[part], started = round(time.process_time() - started, 1), time.process_time()
        seconds_in_all = round(sum(took.values()), 1)
        write_card("distance", chapter="appendix", command=COMMAND, seed=list(range(SEEDS)), seconds=seconds_in_all)
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
