"""The Transformer of chapter 12 learns to translate, three times: 40 seconds each on one core, five minutes in all.

python recipes/translation.py             writes trained/translation: the first run's weights, and results.json
python tools/widget_data.py               then computes the widget's steps for the page

results.json holds lists with one entry a seed:

    runs         what was asked of each model: exact translations by frame, exams while it learned, the article with
                 characters hidden, shifted positions, short and long sentences of several clauses, beams, padding
    open         a small model without a causal mask, beside one with it
"""

import functools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import sacrebleu
import torch
from _cards import TRAINED, write_card
from torch import Tensor, nn

from transformer_lib.architectures import EncoderDecoder
from transformer_lib.data import translation
from transformer_lib.data.grammar import STATEMENT, joined
from transformer_lib.data.translation import Pair
from transformer_lib.generation import beam_search
from transformer_lib.inspection import record_attention
from transformer_lib.masks import padding_mask
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.optimizers import decay_groups
from transformer_lib.positions import SinusoidalPositions
from transformer_lib.schedules import trapezoid
from transformer_lib.training import BucketedPairs, MovingAverage, TrainConfig, pad_to_longest, save, train
from transformer_lib.training.losses import cross_entropy, translation_loss

SEEDS, STEPS, BALANCED, BATCH_SIZE = 3, 700, 24_000, 48
SMALL_STEPS, SOME = 120, 250
CHINESE, ENGLISH = translation.vocabularies()
MODEL = TransformerConfig(
    vocab_size=ENGLISH.vocab_size,
    source_vocab_size=CHINESE.vocab_size,
    d_model=128,
    n_layers=2,
    n_heads=4,
    d_ff=512,
    dropout=0.0,
)
SMALL = TransformerConfig(
    vocab_size=ENGLISH.vocab_size,
    source_vocab_size=CHINESE.vocab_size,
    d_model=64,
    n_layers=1,
    n_heads=2,
    d_ff=128,
    dropout=0.0,
)
OFFSETS = (0, 1, 2, 4, 8, 16)
AN = ("工程师", "演员", "会计", "艺术家", "建筑师")  # engineer, actor, accountant, artist, architect
A = ("老师", "医生", "歌手", "律师", "护士")  # teacher, doctor, singer, lawyer, nurse
PEOPLE = {"我": "I am", "你": "You are", "她": "She is"}


def encoded(pairs: Sequence[Pair]) -> list[tuple[list[int], list[int]]]:
    """(characters, begin … end) of each pair, as ids."""
    return [
        (CHINESE.encode(p.chinese), ENGLISH.encode(translation.words(p.english), add_special_tokens=True))
        for p in pairs
    ]


def batch_of(pairs: Sequence[Pair]) -> tuple[Tensor, Tensor, Tensor]:
    """Source (B, S), its mask, target (B, T), padded."""
    sources, targets = zip(*encoded(pairs), strict=True)
    source, target = pad_to_longest(sources, CHINESE.pad), pad_to_longest(targets, ENGLISH.pad)
    return source, padding_mask((source != CHINESE.pad).sum(dim=1), source.shape[1]), target


def translate(model: nn.Module, pairs: Sequence[Pair], *, beams: int = 1, batch: int = 256) -> list[str]:
    """The English of each pair's Chinese; one beam is greedy."""
    order, written = sorted(range(len(pairs)), key=lambda i: len(pairs[i].chinese)), [""] * len(pairs)
    for start in range(0, len(pairs), batch):
        part = order[start : start + batch]
        source, real, _ = batch_of([pairs[i] for i in part])
        marks = {"bos": ENGLISH.bos, "eos": ENGLISH.eos, "pad": ENGLISH.pad}
        found = beam_search(model, source, beams=beams, max_length=40, source_mask=real, **marks)
        for i, hypotheses in zip(part, found, strict=True):
            written[i] = translation.detokenise(ENGLISH.decode(hypotheses[0].tokens))
    return written


def exact(model: torch.nn.Module, pairs: Sequence[Pair], batch: int = 256) -> float:
    """The share of pairs that greedy decoding translates without a mistake."""
    written = translate(model, pairs, batch=batch)
    return share(w == pair.english for w, pair in zip(written, pairs, strict=True))


def share(flags: Iterable[float]) -> float:
    """The mean of booleans or numbers, rounded; 0 where there are none."""
    values = [float(flag) for flag in flags]
    return round(sum(values) / len(values), 4) if values else 0.0


@torch.no_grad()
def teacher_forced(model: nn.Module, pairs: Sequence[Pair], **masks: Tensor) -> tuple[Tensor, Tensor]:
    """(B, T): whether each token is right after the right beginning, and whether it is a token to be scored."""
    source, real, target = batch_of(pairs)
    logits = model(source, target[:, :-1], source_mask=real, **masks)
    return logits.argmax(dim=-1) == target[:, 1:], target[:, 1:] != ENGLISH.pad


class Shifted(nn.Module):
    """Sinusoidal positions that are counted from `offset`."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.table, self.offset = SinusoidalPositions(d_model), 0

    def forward(self, positions: Tensor) -> Tensor:
        """Return the rows of the positions, all later by the offset."""
        return self.table(positions + self.offset)


def shifting(model: EncoderDecoder) -> tuple[Shifted, Shifted]:
    """Let the positions of both sides be moved; nothing else changes."""
    both = Shifted(MODEL.d_model), Shifted(MODEL.d_model)
    model.source_embedding.positions, model.target_embedding.positions = both
    return both


def drawn(text: translation.Splits, seed: int) -> list[Pair]:
    """What is trained on: every kind of sentence about as often, a quarter of all, and two clauses more often."""
    pairs = translation.balanced(text.train, BALANCED, np.random.default_rng(seed))
    return pairs + list(text.train[::4]) + [pair for pair in text.train if pair.frame == "two clauses"]


def trained(
    pairs: Sequence[Pair],
    seed: int,
    *,
    validate: Callable[[nn.Module], float] | None = None,
) -> EncoderDecoder:
    """A model after STEPS steps, with the moving average of its weights, rounded to half precision.

    Args:
        pairs: What it learns from.
        seed: Of its weights and the order of the pairs.
        validate: Called five times while it learns.
    """
    generator = torch.Generator().manual_seed(seed)
    model = transformer(MODEL, generator)
    optimizer = torch.optim.AdamW(decay_groups(model, 0.01), lr=2e-3, betas=(0.9, 0.98), fused=True)
    average = MovingAverage(optimizer, 0.95)
    train(
        model,
        BucketedPairs(encoded(pairs), generator, pad=ENGLISH.pad, batch_size=BATCH_SIZE),
        TrainConfig(steps=STEPS, max_norm=1.0, log_every=max(STEPS // 5, 1)),
        loss=functools.partial(translation_loss, pad=ENGLISH.pad, smoothing=0.1),
        optimizer=optimizer,
        schedule=trapezoid(STEPS, warmup=STEPS // 20, cooldown=STEPS * 3 // 5),
        validate=validate,
    )
    with average.applied():
        weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.load_state_dict(weights)
    return model.half().float().eval()  # what is measured is what is stored


def exam(model: nn.Module, pairs: Sequence[Pair]) -> dict[str, object]:
    """One evaluation in both ways: tokens right after the right beginning, and sentences right when it writes alone."""
    training = model.training
    model.eval()
    right, counts = teacher_forced(model, pairs)
    written = translate(model, pairs)
    free = [w == pair.english for w, pair in zip(written, pairs, strict=True)]
    every = (right | ~counts).all(dim=1).tolist()
    model.train(training)
    tokens = share(right[counts].tolist())
    return {"tokens": tokens, "sentences": share(free), "same": every == free, "bleu": bleu(written, pairs)}


def bleu(written: Sequence[str], pairs: Sequence[Pair]) -> float:
    """BLEU in percent, as sacrebleu counts it."""
    return round(sacrebleu.corpus_bleu(list(written), [[pair.english for pair in pairs]]).score, 2)


@torch.no_grad()
def after(model: EncoderDecoder, sentence: str, begun: str, hidden: str = "", where: str = "decoder") -> Tensor:
    """p (V,) of the word after some words, with characters hidden.

    Args:
        model: Trained.
        sentence: The source.
        begun: What the decoder has read, after its begin.
        hidden: Characters that are hidden, wherever they stand.
        where: From whom: the "decoder", or also from the "encoder", whose other characters then see nothing of them
            either; "others" hides them from the encoder's other characters alone.
    """
    ids = torch.tensor([CHINESE.encode(sentence)])
    seen = torch.tensor([character not in hidden for character in sentence])
    of_encoder = None if where == "decoder" else (seen | ~seen[:, None])[None, None]
    memory = model.encode(ids, source_mask=of_encoder)
    of_decoder = None if where == "others" else seen[None, None, None]
    target = torch.tensor([[ENGLISH.bos, *ENGLISH.encode(begun.split())]])
    return model.decode(target, memory, memory_mask=of_decoder)[0, -1].softmax(dim=-1)


def article(model: EncoderDecoder) -> list[dict[str, object]]:
    """p(a) and p(an) for every person and profession, and where the last layer looks as it writes the article."""
    answers = []
    ids = ENGLISH.encode(["a", "an"])
    for person, begun in PEOPLE.items():
        for job in (*AN, *A):
            sentence = f"{person}是一名{job}"
            settings = {
                "nothing": ("", "decoder"),
                "one": ("一名", "decoder"),
                "noun": (job, "decoder"),
                "both": ("一名" + job, "decoder"),
                "noun from encoder": (job, "others"),
                "noun from all": (job, "encoder"),
            }
            p = {name: after(model, sentence, begun, *how)[ids].tolist() for name, how in settings.items()}
            with record_attention(model) as weights:
                after(model, sentence, begun)
            layers = [weights[f"decoder.{n}.cross_attention"][0, :, -1].mean(dim=0) for n in range(MODEL.n_layers)]
            looks = [[float(row[2:4].sum()), float(row[4:].sum())] for row in layers]
            answers.append({"person": person, "job": job, "p": rounded(p), "looks": rounded(looks)})
    return answers


def rounded(values: object) -> object:
    """Nested numbers with four decimals."""
    if isinstance(values, dict):
        return {name: rounded(value) for name, value in values.items()}
    return [rounded(value) for value in values] if isinstance(values, list) else round(values, 4)


def short_clauses(text: translation.Splits, n: int, count: int) -> list[Pair]:
    """Sentences of n of the shortest clauses of the training set: as many characters and words as it was trained on."""
    clauses = [
        pair
        for pair in text.train
        if pair.frame in translation.JOINED_FRAMES
        and pair.mood == STATEMENT
        and pair.chinese[0] not in "今昨明上下"
        and len(pair.chinese) <= 4
        and len(translation.words(pair.english)) == 4
    ]
    known, found = {pair.chinese for pair in text.train}, dict[str, Pair]()
    generator = np.random.default_rng(0)
    while clauses and len(found) < count:
        several = [clauses[i] for i in generator.choice(len(clauses), n, replace=False)]
        pair = joined(several, f"{n} short clauses")
        if len({p.combinations[0][0] for p in several}) == n and pair.chinese not in known:
            found[pair.chinese] = pair
    return list(found.values())


def clauses(model: EncoderDecoder, pairs: Sequence[Pair]) -> dict[str, object]:
    """How many are exact, how many clauses were written, and how long the sources and the targets are."""
    written = translate(model, pairs)
    return {
        "exact": share(w == pair.english for w, pair in zip(written, pairs, strict=True)),
        "clauses": dict(sorted(Counter(1 + w.count(",") for w in written).items())),
        "characters": [min(len(p.chinese) for p in pairs), max(len(p.chinese) for p in pairs)] if pairs else [],
        "words": [f(len(translation.words(p.english)) for p in pairs) for f in (min, max)] if pairs else [],
        "samples": [[p.chinese, w, p.english] for p, w in zip(pairs[:3], written, strict=False)],
    }


def lengths(text: translation.Splits) -> dict[str, list[Pair]]:
    """Sentences of so many clauses, short ones and long ones."""
    return {
        "2 short": short_clauses(text, 2, SOME),
        "3 short": short_clauses(text, 3, SOME),
        "3": [pair for pair in text.longer if pair.frame == "three clauses"][:SOME],
        "4": [pair for pair in text.longer if pair.frame == "four clauses"][:SOME],
    }


def at_offsets(model: EncoderDecoder, pairs: Sequence[Pair]) -> dict[str, object]:
    """Exact translations with all positions moved, by how much; both sides alike, and one side alone."""
    own = model.source_embedding.positions, model.target_embedding.positions
    source, target = shifting(model)
    found = {}
    for name, sides in (("both", (source, target)), ("source", (source,)), ("target", (target,))):
        found[name] = {}
        for offset in OFFSETS:
            for side in sides:
                side.offset = offset
            found[name][offset] = exact(model, pairs)
        source.offset = target.offset = 0
    model.source_embedding.positions, model.target_embedding.positions = own
    return found


@torch.no_grad()
def probability(model: EncoderDecoder, pair: Pair, sentence: str) -> float:
    """p of a sentence as the translation, its end included."""
    words = ENGLISH.encode(translation.words(sentence), add_special_tokens=True)
    logits = model(torch.tensor([CHINESE.encode(pair.chinese)]), torch.tensor([words[:-1]]))
    return float(logits.log_softmax(dim=-1)[0, range(len(words) - 1), words[1:]].sum().exp())


def mistakes(model: EncoderDecoder, pairs: Sequence[Pair], written: Sequence[str]) -> list[list[object]]:
    """Of each wrong translation: the source, what was written, what is right, the probabilities of the two."""
    wrong = [(pair, w) for pair, w in zip(pairs, written, strict=True) if w != pair.english]
    return [
        [p.chinese, w, p.english, round(probability(model, p, w), 4), round(probability(model, p, p.english), 4)]
        for p, w in wrong
    ]


@torch.no_grad()
def sureness(model: EncoderDecoder, pairs: Sequence[Pair]) -> dict[str, float]:
    """The mean probability of the right token, and of the right sentence, after the right beginning."""
    source, real, target = batch_of(pairs)
    logits = model(source, target[:, :-1], source_mask=real)
    p = logits.log_softmax(dim=-1).gather(2, target[:, 1:, None])[..., 0]
    counts = target[:, 1:] != ENGLISH.pad
    sentences = p.masked_fill(~counts, 0).sum(dim=1).exp()
    return {"token": share(p.exp()[counts].tolist()), "sentence": share(sentences.tolist())}


def beams(model: EncoderDecoder, pairs: Sequence[Pair], written: Sequence[str]) -> dict[str, int]:
    """Four beams against one, on all wrong ones and a fifth of the rest: how many are the same, set right, spoiled."""
    right = [w == pair.english for w, pair in zip(written, pairs, strict=True)]
    asked = [i for i, ok in enumerate(right) if not ok or i % 5 == 0]
    searched = translate(model, [pairs[i] for i in asked], beams=4)
    good = [w == pairs[i].english for i, w in zip(asked, searched, strict=True)]
    return {
        "asked": len(asked),
        "wrong": right.count(False),
        "same": sum(written[i] == w for i, w in zip(asked, searched, strict=True)),
        "set right": sum(now and not right[i] for i, now in zip(asked, good, strict=True)),
        "spoiled": sum(right[i] and not now for i, now in zip(asked, good, strict=True)),
    }


@torch.no_grad()
def padding(model: EncoderDecoder, pairs: Sequence[Pair]) -> dict[str, list[float]]:
    """Short sentences wrong, among themselves and in a batch with a long one, with padding masks left out."""
    short = [pair for pair in pairs if len(pair.chinese) <= 8][:300]
    long = [pair for pair in pairs if len(pair.chinese) >= 14][:1]
    found = {}
    for name, in_encoder, in_cross in (
        ("both", True, True),
        ("not in the encoder", False, True),
        ("not in cross-attention", True, False),
        ("neither", False, False),
    ):
        found[name] = []
        for company in ([], long):
            source, real, target = batch_of(short + company)
            memory = model.encode(source, source_mask=real if in_encoder else None)
            logits = model.decode(target[:, :-1], memory, memory_mask=real if in_cross else None)
            ok = (logits.argmax(dim=-1) == target[:, 1:]) | (target[:, 1:] == ENGLISH.pad)
            found[name].append(round(1 - share(ok[: len(short)].all(dim=1).tolist()), 4))
    return found


def run(text: translation.Splits, seed: int) -> tuple[EncoderDecoder, dict[str, object]]:
    """One training as the chapter describes it, and all that is asked of it."""
    papers = list[dict[str, object]]()
    chosen = translation.balanced(text.validation, 300, np.random.default_rng(1))
    chosen = sorted(set(chosen), key=lambda pair: pair.chinese)

    def sit(model: nn.Module) -> float:
        nonlocal seconds
        begun = time.process_time()
        papers.append(exam(model, chosen))
        seconds -= time.process_time() - begun
        return float(papers[-1]["sentences"])

    seconds = -time.process_time()  # of one core, however busy the machine is; without the exams
    model = trained(drawn(text, seed), seed, validate=sit)
    seconds += time.process_time()
    written = translate(model, text.test)
    right = [w == pair.english for w, pair in zip(written, text.test, strict=True)]
    frames = dict.fromkeys(pair.frame for pair in text.test)
    return model, {
        "seed": seed,
        "seconds": round(seconds, 1),
        "test_exact": share(right),
        "validation_exact": exact(model, text.validation),
        "bleu": bleu(written, text.test),
        "frames": {f: share(ok for ok, p in zip(right, text.test, strict=True) if p.frame == f) for f in frames},
        "exams": papers,
        "sure": sureness(model, text.test[::5]),
        "mistakes": mistakes(model, text.test, written),
        "beams": beams(model, text.test, written),
        "article": article(model),
        "clauses": {name: clauses(model, pairs) for name, pairs in lengths(text).items()},
        "padding": padding(model, text.test),
        "offsets": at_offsets(model, text.test[::5]),
    }


def open_run(text: translation.Splits, seed: int) -> dict[str, object]:
    """A small model that sees the whole target as it learns, beside one that sees what came before."""
    pairs = drawn(text, seed)
    chosen = translation.balanced(text.validation, 300, np.random.default_rng(1))
    found: dict[str, object] = {"seed": seed}
    for name, masks in (("causal", {}), ("open", {"target_mask": torch.ones(1, 1, dtype=torch.bool)})):
        generator = torch.Generator().manual_seed(seed)
        model = transformer(SMALL, generator)

        def loss(model: nn.Module, batch: tuple[Tensor, Tensor], masks: dict[str, Tensor] = masks) -> Tensor:
            source, target = batch
            real = padding_mask((source != CHINESE.pad).sum(dim=1), source.shape[1])
            logits = model(source, target[:, :-1], source_mask=real, **masks)
            return cross_entropy(logits, target[:, 1:], ignore=ENGLISH.pad)

        batches = BucketedPairs(encoded(pairs), generator, pad=ENGLISH.pad, batch_size=64)
        config = TrainConfig(steps=SMALL_STEPS, learning_rate=5e-3, log_every=10)
        log = train(model, batches, config, loss=loss)
        model.eval()
        right, counts = teacher_forced(model, chosen, **masks)
        found[name] = {
            "loss": round(log[-1]["loss"], 4),
            "tokens": share(right[counts].tolist()),
            "sentences": exact(model, chosen),
        }
    return found


def write(**results: object) -> None:
    """Put results beside those that are there."""
    path = TRAINED / "translation" / "results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    text = json.dumps(known | results, ensure_ascii=False, separators=(",", ":"))
    path.write_text(text.replace('],"', '],\n"').replace('},"', '},\n"') + "\n", encoding="utf-8")


def several(one: Callable[[translation.Splits, int], dict[str, object]], text: translation.Splits) -> list[object]:
    """The same for some seeds, one after the other."""
    found = []
    for seed in range(SEEDS):
        found.append(one(text, seed))
        print(one.__name__, seed, found[-1].get("test_exact"), flush=True)
    return found


def plain(text: translation.Splits) -> list[dict[str, object]]:
    """The chapter's own runs, all of them; the weights of the first are stored."""
    runs = []
    for seed in range(SEEDS):
        model, found = run(text, seed)
        runs.append(found)
        print("run", seed, found["test_exact"], found["seconds"], flush=True)
        if seed == 0:
            save(model.half(), TRAINED / "translation")
    return runs


def main() -> None:
    torch.set_num_threads(1)
    started, text = time.process_time(), translation.load()
    runs = plain(text)
    write(runs=runs)
    write(open=several(open_run, text))
    write_card(
        "translation",
        chapter="12",
        command="python recipes/translation.py",
        seconds=runs[0]["seconds"],
        seconds_of_all_runs=round(time.process_time() - started),
        seed=0,
        test_exact=runs[0]["test_exact"],
        validation_exact=runs[0]["validation_exact"],
    )


if __name__ == "__main__":
    main()
