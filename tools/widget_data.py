"""What the widgets show before the reader types: texts and distributions that the library reads and computes.

    python tools/widget_data.py            writes chapters/widgets/*.json anew

A chapter gives the widget its file: `:data: widgets/bigram.json`. Another model's distributions are had by calling
`distributions` with its tokens and its logits.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from transformer_lib import published_runs
from transformer_lib.architectures import EncoderDecoder
from transformer_lib.data import pronunciation, shakespeare, toy, translation
from transformer_lib.inspection import record_attention
from transformer_lib.ngram import KneserNey, NGramModel
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import load

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "chapters" / "widgets"
CONTEXTS = (  # all from Macbeth, which no model of the ladder was trained on
    "Out, out, brief ",
    "full of sound and f",
    "Life's but a walking shad",
    "Is this a dagg",
    "Is this a dagger which I see before m",
    "To-morrow, and to-morrow, and to-morrow,\n",
)


def bigram() -> dict:
    return {
        "corpora": [
            {
                "name": "three sentences",
                "text": "\n".join(toy.SENTENCES),
                "unit": "words",
                "vocabulary": list(toy.WORDS),
            },
            {"name": "Hamlet, act 3", "text": soliloquy(4_000), "unit": "characters"},
        ]
    }


def learning() -> dict:
    """The three sentences as pairs of word and next word."""
    sentences = [tokens.tolist() for tokens in toy.tokens()]
    return {"words": list(toy.WORDS), "pairs": [pair for one in sentences for pair in pairwise(one)]}


def merges() -> dict:
    """The four words of chapter 3, each in a piece of its own so that the merges are the printed ones; other texts."""
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    return {
        "texts": [
            {
                "name": "low, lower, newest, widest",
                "text": "\n".join("|".join([word] * times) for word, times in words.items()),
                "word": "lowest",
            },
            {"name": "Hamlet, act 3", "text": soliloquy(1_500), "word": "heartless"},
            {
                "name": "Chinese and emoji",
                "text": "我是一名工程师。你是一名学生。他是一名医生。\n🍊🍊🍇 I love 🍊, you love 🍇.",
                "word": "工程 🍊",
            },
        ]
    }


def sampling() -> dict:
    """The distributions of the ladder's best n-gram kind: order 6, Kneser–Ney."""
    train = shakespeare.load().train
    tokenizer = CharacterTokenizer.train(train)
    model = NGramModel(6, tokenizer.vocab_size, KneserNey()).fit(tokenizer.encode_array(train))
    return distributions(
        "6-gram, Kneser–Ney",
        list(tokenizer.symbols),
        lambda context: np.log(model.probabilities(tokenizer.encode(context))),
    )


def distributions(
    model: str, tokens: list[str], logits: Callable[[str], Sequence[float]], contexts: Sequence[str] = CONTEXTS
) -> dict:
    """The data of the sampling widget: logits(context) of each context, to four decimals."""
    rows = {context: [round(float(z), 4) for z in logits(context)] for context in contexts}
    return {"model": model, "contexts": [{"text": text, "tokens": tokens, "logits": z} for text, z in rows.items()]}


def soliloquy(length: int) -> str:
    """Hamlet from "To be, or not to be", whole blocks, at most `length` characters."""
    hamlet = shakespeare.plays()["Hamlet"]
    start = hamlet.rindex("HAMLET:", 0, hamlet.index("To be, or not to be"))
    return hamlet[start : hamlet.rindex("\n\n", start, start + length)] + "\n"


def attention() -> dict:
    """Four keys of which each of three scores chooses another, and a network set by hand to prefer what is near."""
    places = {"A": (2.6, 0.9), "B": (0.85, 0.55), "C": (0.25, 0.25), "D": (-1.2, 1.3)}
    values = {"A": 10, "B": 20, "C": 30, "D": 40}
    return {
        "query": [0.75, 0.75],
        "keys": [{"name": name, "at": list(at), "value": values[name]} for name, at in places.items()],
        "network": {
            "w_query": [[0.5, 0, 1], [0.5, 0, -1], [0, 0.5, 1], [0, 0.5, -1]],
            "w_key": [[-0.5, 0], [-0.5, 0], [0, -0.5], [0, -0.5]],
            "v": [1, -1, 1, -1],
        },
    }


def positions() -> dict:
    """One query and one key of eight hands each, none too short to be seen."""
    rng = np.random.default_rng(0)
    hands = rng.uniform(0.6, 1.2, (2, 8)) * np.exp(1j * rng.uniform(0, 2 * np.pi, (2, 8)))
    query, key = np.stack((hands.real, hands.imag), axis=-1).reshape(2, 16).round(2).tolist()
    return {"query": query, "key": key}


def masks() -> dict:
    return {"tokens": "to be or not to be that is".split()}


SENTENCES = {
    "never seen in training": (
        *("我是一名工程师", "他们不是司机", "你以前是一名护士", "她想当护士吗", "昨天她买了两把椅子", "安娜没有他们矮"),
        *("玛丽有牛奶吗", "桌子上有四杯咖啡", "明天你们不会在饭馆", "他是一名建筑师，她是一名飞行员"),
    ),
    "a or an": ("我是一名老师", "我是一名演员", "我想当工程师"),
    "longer than any in training": ("安娜正在开车，大卫有四瓶水，他们正在说中文",),
}


def translate() -> dict:
    """Each step of the stored translator: its five likeliest words, and where its cross-attention looks."""
    model = load(ROOT / "trained" / "translation")
    text = translation.load()
    reference = {p.chinese: p.english for part in (text.train, text.validation, text.test, text.longer) for p in part}
    sentences = [
        {"group": group, "source": list(one), "reference": reference[one], "steps": translation_steps(model, one)}
        for group, members in SENTENCES.items()
        for one in members
    ]
    heads = model.decoder[0].cross_attention.n_heads
    return {"layers": len(model.decoder), "heads": heads, "sentences": sentences}


@torch.no_grad()
def translation_steps(model: EncoderDecoder, sentence: str, longest: int = 40) -> list[dict]:
    """Greedy translation of a Chinese sentence: words to choose from, and weights (layers, heads, S), of each step."""
    chinese, english = translation.vocabularies()
    memory = model.encode(torch.tensor([chinese.encode(sentence)]))
    names = {english.pad: "[padding]", english.bos: "[begin]", english.eos: "[end]"}
    tokens, steps = [english.bos], []
    while tokens[-1] != english.eos and len(steps) < longest:
        with record_attention(model) as weights:
            logits = model.decode(torch.tensor([tokens]), memory)[0, -1]
        best = logits.softmax(dim=-1).topk(5)
        likeliest = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        looks = [weights[f"decoder.{n}.cross_attention"][0, :, -1] for n in range(len(model.decoder))]
        steps.append(
            {
                "next": [[names.get(i, english.symbols[i]), round(p, 4)] for i, p in likeliest],
                "weights": [[[round(w, 3) for w in head] for head in layer.tolist()] for layer in looks],
            }
        )
        tokens.append(int(best.indices[0]))
    return steps


AS_IN = (
    "AA odd AE at AH hut AO dog AW cow AY hide B be CH cheese D do DH this EH egg ER bird EY ate F fee G green HH he "
    "IH it IY eat JH joy K key L lee M me N no NG ring OW oat OY toy P pea R red S sea SH she T tea TH thin UH book "
    "UW two V vine W we Y yes Z zoo ZH vision"
).split()
SEEN = ("knight",)
UNSEEN = ("colonel", "lieutenant", "pizza", "brillig", "mimsy", "borogoves")


def pronounce() -> dict:
    """The two alphabets of pronunciation, a word for each phoneme, and words that no model was trained on."""
    letters, phonemes = pronunciation.LETTERS, pronunciation.PHONEMES
    words = pronunciation.load()
    known = {**words.train, **words.validation, **words.test}
    return {
        "letters": list(letters.symbols),
        "phonemes": list(phonemes.symbols),
        "as_in": dict(zip(AS_IN[::2], AS_IN[1::2], strict=True)),
        "words": list(UNSEEN),
        "right": {word: [" ".join(said) for said in known[word]] for word in (*SEEN, *UNSEEN) if word in known},
        "most_letters": max(map(len, words.train)),
        "most_phonemes": 32,
    }


PROMPTS = {
    "a speaker": "JULIET:\n",
    "Macbeth": "Is this a dagger which I see before me,\nThe handle toward my ",
    "a name no play has": "VORTIMOND:\nMy name is Vortimond.\n\nKING:\nVortimond?\n\nVORTIMOND:\nAy, my lord, Vort",
}


def dice(seed: int) -> Iterator[float]:
    """The numbers that the widgets draw with (mulberry32, see extra/widgets/widgets.js)."""
    state = seed
    while True:
        state = (state + 0x6D2B79F5) % 2**32
        mixed = (state ^ (state >> 15)) * (state | 1) % 2**32
        mixed ^= (mixed + (mixed ^ (mixed >> 7)) * (mixed | 61)) % 2**32
        yield (mixed ^ (mixed >> 14)) / 2**32


def example(prompt: str, count: int, seed: int) -> dict:
    """What the stored GPT writes when the reader presses Write: shown before the model is loaded."""
    folder = ROOT / "trained" / "gpt"
    model, tokenizer = load(folder), CharacterTokenizer.load(folder / "tokenizer.json")
    tokens, numbers = list(tokenizer.encode(prompt)), dice(seed)
    bits = [np.log2(tokenizer.vocab_size)]
    with torch.no_grad():
        for _ in range(count):
            sums = model(torch.tensor([tokens]))[0, -1].double().softmax(dim=0).cumsum(dim=0)
            tokens.append(int((sums <= next(numbers) * sums[-1]).sum()))
        p = model(torch.tensor([tokens]))[0].double().softmax(dim=-1)
    bits += [-float(p[t, token].log2()) for t, token in enumerate(tokens[1:])]
    best = p[-1].topk(8)
    return {
        "written": tokenizer.decode(tokens)[len(prompt) :],
        "bits": [round(float(b), 2) for b in bits],
        "next": [[tokenizer.symbols[i], round(q, 4)] for q, i in zip(*map(Tensor.tolist, best), strict=True)],
    }


def gpt() -> dict:
    """The GPT's alphabet, texts to begin with, a speech that it was not trained on, and a text that it wrote."""
    macbeth = shakespeare.plays()["Macbeth"]
    start, end = macbeth.index("To-morrow, and to-morrow"), macbeth.index("Life's but a walking shadow")
    return {
        "symbols": CharacterTokenizer.train(shakespeare.load().train).symbols,
        "prompts": [{"name": name, "text": text} for name, text in PROMPTS.items()],
        "passage": {"name": "Macbeth, held out", "text": macbeth[start:end]},
        "example": example(next(iter(PROMPTS.values())), 97, seed=1),
    }


HIDDEN = {  # lines of held-out plays, and what is hidden of each
    "I have thee not, and yet I see thee still.": ["t"],
    "Life's but a walking shadow, a poor player": ["k", "d"],
    "Against whose fury and unmatched force": ["fury"],
    "I to the world am like a drop of water": ["k"],
}
MARKS = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")


def blanks() -> dict:
    """The characters that BERT and its twin know, and texts to hide some of."""
    symbols = list(CharacterTokenizer.train(shakespeare.load().train).symbols)
    config = json.loads((ROOT / "trained" / "bert" / "config.json").read_text(encoding="utf-8"))
    return {
        "symbols": symbols,
        "marks": {mark: len(symbols) + i for i, mark in enumerate(MARKS)},
        "texts": [{"text": text, "hide": hide} for text, hide in HIDDEN.items()],
        "most": config["context_length"] - 2,
    }


def cache() -> dict:
    """The GPT's alphabet and sizes, and the beginnings of texts that it goes on with."""
    sizes = json.loads((ROOT / "trained" / "gpt" / "config.json").read_text(encoding="utf-8"))
    wanted = ("vocab_size", "d_model", "n_layers", "n_heads", "d_ff")
    return {
        "symbols": CharacterTokenizer.train(shakespeare.load().train).symbols,
        "config": {name: sizes[name] for name in wanted},
        "prompts": ["The qu", "O Rome", "Is this"],
        "length": 16,
    }


BEGINNINGS = (  # the first is what the front page opens with; the speakers are of test plays
    "MACBETH:\nIs this a dagger which I see before me,\n",
    "LADY MACBETH:\nOut, damned spot! ",
    "ADRIANA:\nAy, ay, Antipholus, ",
)
TEMPERATURE = 0.8


def reward() -> dict:
    """The marks that may end a call, as likely as the GPT finds them, in hundredths."""
    tokenizer, model = CharacterTokenizer.load(ROOT / "trained/gpt/tokenizer.json"), load(ROOT / "trained/gpt").eval()
    prompt, answers = "HAMLET:\nCome, my good lord", list(".,!?;:")
    with torch.no_grad():
        logits = model(torch.tensor([tokenizer.encode(prompt)]))[0, -1]
    p = logits[tokenizer.encode("".join(answers))].softmax(-1)
    return {"prompt": "Come, my good lord", "answers": answers, "p": [round(float(q), 2) for q in p]}


def rates() -> dict:
    """What models of each width came to at each learning rate; at the width of muP's base the two ways are one."""
    results = json.loads((ROOT / "trained" / "mup" / "results.json").read_text(encoding="utf-8"))
    found: dict[tuple[str, int], dict[float, list[float | None]]] = {}
    for run in sorted(results["runs"], key=lambda run: run["seed"]):
        shared = ["muP"] if run["way"] == "standard" and run["width"] == results["bases"]["muP"] else []
        for way in [run["way"], *shared]:
            found.setdefault((way, run["width"]), {}).setdefault(run["rate"], []).append(run["validation"])

    def curves(way: str) -> list[dict]:
        return [
            {"width": width, "points": [{"rate": rate, "values": found[way, width][rate]} for rate in sorted(points)]}
            for (of, width), points in sorted(found.items())
            if of == way
        ]

    ways = [{"name": way, "curves": curves(way)} for way in ("standard", "muP")]
    return {"steps": results["steps"], "unit": "bits per character", "ways": ways}


def front() -> dict:
    """The two models of the front page: the bigram table itself, and what is said of it and of the small GPT."""
    train = shakespeare.load().train
    tokenizer = CharacterTokenizer.train(train)
    V, tokens = tokenizer.vocab_size, tokenizer.encode_array(train)
    counts = np.bincount(tokens[:-1] * V + tokens[1:], minlength=V * V).reshape(V, V)
    table, small = (
        json.loads((ROOT / "trained" / name / "card.json").read_text(encoding="utf-8"))
        for name in ("bigram", "front_page")
    )
    cost = {name: card["bits_per_character"]["test"] for name, card in (("table", table), ("small", small))}
    return {
        "symbols": tokenizer.symbols,
        "counts": counts.tolist(),
        "k": table["k"],
        "temperature": TEMPERATURE,
        "prompts": list(BEGINNINGS),
        "facts": {
            "GPT": f"{small['parameters']:,} numbers, learned from 32 plays in {small['seconds'] / 60:.0f} minutes on "
            f"one processor core. Each character of a play that it has not read costs it {cost['small']:.2f} bits.",
            "bigram": f"{table['parameters']:,} numbers: how often each character followed each other character in the "
            f"same plays. Each character costs it {cost['table']:.2f} bits. Same prompt, same dice.",
        },
    }


def calculator() -> dict:
    """Published runs, as their papers describe them, and the devices that they ran on."""
    fields = ("name", "note", "tokens", "parameters", "devices", "peak", "utilization", "gpu_hours", "dollars_per_hour")
    papers = {
        "brown2020": "Brown et al. 2020",
        "narayanan2021": "Narayanan et al. 2021",
        "hoffmann2022": "Hoffmann et al. 2022",
        "chowdhery2022": "Chowdhery et al. 2022",
        "touvron2023": "Touvron et al. 2023",
        "touvron2023b": "Touvron et al. 2023, Llama 2",
        "grattafiori2024": "Grattafiori et al. 2024",
        "deepseek2024": "DeepSeek-AI 2024",
    }
    return {
        "devices": [
            {"name": "A100", "peak": published_runs.A100, "memory": 80e9},
            {"name": "H100", "peak": published_runs.H100, "memory": 80e9},
            {"name": "TPU v4", "peak": published_runs.TPU_V4, "memory": 32e9},
        ],
        "runs": [
            {name: getattr(run, name) for name in (*fields, "passes", "attention")}
            | {
                "paper": papers[run.source],
                "shape": run.shape and vars(run.shape),
                "layout": run.layout and vars(run.layout),
                "facts": [vars(fact) for fact in run.facts],
            }
            for run in published_runs.RUNS
        ],
    }


WIDGETS = {
    "front": front,
    "bigram": bigram,
    "learning": learning,
    "merges": merges,
    "sampling": sampling,
    "attention": attention,
    "positions": positions,
    "masks": masks,
    "translate": translate,
    "pronounce": pronounce,
    "gpt": gpt,
    "blanks": blanks,
    "cache": cache,
    "rates": rates,
    "reward": reward,
    "calculator": calculator,
}


def write() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in WIDGETS.items():
        (FOLDER / f"{name}.json").write_text(json.dumps(make(), ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
