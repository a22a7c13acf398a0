"""The `tokenizer.json` of Hugging Face: one file with a vocabulary, its merges and how text is cut.

Read here: byte-level BPE that cuts text as GPT-2, SmolLM2 or GPT-4 do, and WordPiece as BERT has it. Whatever else a
file asks for is refused by name, since a tokenizer that leaves out one step gives ids that look right and are not.
Three things are left to the caller, because they add to the ids of a text rather than make them: padding, truncation,
and the template of special tokens around a text ("[CLS] … [SEP]").
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from transformer_lib.tokenizers.bytes import PRINTABLE
from transformer_lib.tokenizers.pretokenize import GPT2, GPT2_SINGLE_DIGITS

_BYTE_OF = {character: byte for byte, character in PRINTABLE.items()}
_MOST_TOKENS = 2**31  # ids beyond it fit into no embedding
_BPE = {"dropout": None, "byte_fallback": False, "ignore_merges": False}
_BPE |= {"continuing_subword_prefix": None, "end_of_word_suffix": None}
_WORDPIECE = {"continuing_subword_prefix": "##"}
_ADDED_TOKEN = {"single_word": False, "lstrip": False, "rstrip": False}
_BERT_NORMALIZER = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}


def read_bpe(path: str | Path) -> dict[str, Any]:
    """Return the arguments of BPETokenizer that a file holds.

    Raises:
        ValueError: the file is no byte-level BPE, or asks for what BPETokenizer does not do.
    """
    file, model, special_tokens = _read(path, "BPE")
    _expect(path, "model", model, _BPE)
    _expect(path, "file", file, {"normalizer": None})
    merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in model.get("merges") or ()]
    if bad := [m for m in merges if not (isinstance(m, list) and len(m) == 2 and all(isinstance(t, str) for t in m))]:
        raise ValueError(f"path={str(path)!r} has {bad[0]!r} among its merges, and each must be two tokens")
    return {
        "merges": [(from_printable(left), from_printable(right)) for left, right in merges],
        "vocabulary": {from_printable(token): i for token, i in model["vocab"].items() if token not in special_tokens},
        "special_tokens": special_tokens,
        "pattern": _pattern(path, file["pre_tokenizer"]),
    }


def write_bpe(
    path: str | Path,
    merges: Iterable[tuple[bytes, bytes]],
    vocabulary: Mapping[bytes, int],
    special_tokens: Mapping[str, int],
    pattern: str,
) -> None:
    """Write a byte-level BPE.

    Args:
        path: The file.
        merges: Pairs in the order they are merged.
        vocabulary: The id of each token.
        special_tokens: The id of each special token's text.
        pattern: Cuts a text into pieces first: see `pretokenize`.
    """
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    model = {
        "type": "BPE",
        **_BPE,
        "unk_token": None,
        "fuse_unk": False,
        "vocab": {to_printable(token): i for token, i in vocabulary.items()} | dict(special_tokens),
        "merges": [[to_printable(left), to_printable(right)] for left, right in merges],
    }
    steps = {"type": "Sequence", "pretokenizers": [split, byte_level]}
    _write(path, model, special_tokens, normalizer=None, pre_tokenizer=steps, decoder=byte_level)


def read_wordpiece(path: str | Path) -> dict[str, Any]:
    """Return the arguments of WordPieceTokenizer that a file holds.

    Raises:
        ValueError: the file is no WordPiece, or asks for what WordPieceTokenizer does not do.
    """
    file, model, special_tokens = _read(path, "WordPiece")
    normalizer = file["normalizer"] or {}
    _expect(path, "model", model, _WORDPIECE)
    _expect(path, "normalizer", normalizer, _BERT_NORMALIZER)
    _expect(path, "pre_tokenizer", file["pre_tokenizer"] or {}, {"type": "BertPreTokenizer"})
    lowercase = normalizer.get("lowercase", True)
    if normalizer.get("strip_accents") not in (None, lowercase):
        raise _refusal(path, "normalizer", "strip_accents", normalizer["strip_accents"], lowercase)
    return {
        "vocabulary": model["vocab"] | special_tokens,
        "special_tokens": special_tokens,
        "unknown": model.get("unk_token", "[UNK]"),
        "lowercase": lowercase,
        "longest_word": model.get("max_input_chars_per_word", 100),
    }


def write_wordpiece(
    path: str | Path,
    vocabulary: Mapping[str, int],
    special_tokens: Mapping[str, int],
    *,
    unknown: str,
    lowercase: bool,
    longest_word: int,
) -> None:
    """Write a WordPiece vocabulary with BERT's way of finding words.

    Args:
        path: The file.
        vocabulary: The id of each piece.
        special_tokens: The id of each special token's text.
        unknown: The token of a word that cannot be cut.
        lowercase: Whether capitals and accents are dropped.
        longest_word: Characters beyond which a word is unknown.
    """
    model = {
        "type": "WordPiece",
        **_WORDPIECE,
        "unk_token": unknown,
        "max_input_chars_per_word": longest_word,
        "vocab": dict(vocabulary),
    }
    _write(
        path,
        model,
        special_tokens,
        normalizer={**_BERT_NORMALIZER, "strip_accents": None, "lowercase": lowercase},
        pre_tokenizer={"type": "BertPreTokenizer"},
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": False},
    )


def to_printable(token: bytes) -> str:
    """Return a byte string in GPT-2's alphabet, one character that prints for each byte."""
    return "".join(PRINTABLE[byte] for byte in token)


def from_printable(token: str) -> bytes:
    """Return the byte string that GPT-2's alphabet writes so.

    Raises:
        ValueError: a character is not in the alphabet.
    """
    try:
        return bytes(_BYTE_OF[character] for character in token)
    except KeyError as error:
        raise ValueError(f"token={token!r} must be written in GPT-2's byte alphabet, which has no {error}") from None


def _pattern(path: str | Path, pre_tokenizer: Mapping[str, Any] | None) -> str:
    """Return the one pattern that cuts as the steps of a file do, one after the other."""
    match pre_tokenizer:
        case {"type": "Sequence", "pretokenizers": steps}:
            pass
        case _:
            steps = [pre_tokenizer]
    match steps:
        case [{"type": "ByteLevel", "add_prefix_space": False, **options}] if options.get("use_regex", True):
            return GPT2
        case [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, **options},
        ] if options.get("use_regex", True):
            return GPT2_SINGLE_DIGITS
        case [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
        ]:
            return pattern
    raise ValueError(
        f"path={str(path)!r} must cut text with ByteLevel (GPT-2), Digits and ByteLevel (SmolLM2) or Split and "
        f"ByteLevel (GPT-4), without a prefix space, and asks for {pre_tokenizer}: open it with the tokenizers library"
    )


def _read(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
    """Return a file, its model, and its special tokens."""
    try:
        file = {"added_tokens": [], "normalizer": None, "pre_tokenizer": None, **json.loads(Path(path).read_bytes())}
        model = file["model"]
        found, _ = model["type"], model["vocab"]
        special_tokens = {token["content"]: token["id"] for token in file["added_tokens"]}
        for part in (file, model, model["vocab"], file["normalizer"] or {}, file["pre_tokenizer"] or {}):
            part.keys()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"path={str(path)!r} must be a tokenizer.json, with a model, its type and vocab") from error
    if found != kind:
        raise ValueError(f"path={str(path)!r} must hold a {kind} model, and holds {found}: load it with that class")
    for token in file["added_tokens"]:
        _expect(path, f"added token {token['content']!r}", token, _ADDED_TOKEN)
    for token, index in [*model["vocab"].items(), *special_tokens.items()]:
        if type(index) is not int or not 0 <= index < _MOST_TOKENS or not isinstance(token, str):
            raise ValueError(
                f"path={str(path)!r} gives {token!r} the id {index!r}, which must be in 0..{_MOST_TOKENS - 1}"
            )
    return file, model, special_tokens


def _write(path: str | Path, model: Mapping, special_tokens: Mapping[str, int], **steps: Mapping | None) -> None:
    options = {**_ADDED_TOKEN, "normalized": False, "special": True}
    added = [{"id": i, "content": token, **options} for token, i in special_tokens.items()]
    file = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, **steps}
    text = json.dumps(file | {"post_processor": None, "model": model}, ensure_ascii=False, indent=1)
    Path(path).write_text(text + "\n", encoding="utf-8")


def _expect(path: str | Path, where: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse a part of a file whose options are not as wanted; one that is absent or empty counts as None."""
    for option, value in wanted.items():
        if (found.get(option) or None) != (value or None):
            raise _refusal(path, where, option, found.get(option), value)


def _refusal(path: str | Path, where: str, option: str, found: object, wanted: object) -> ValueError:
    return ValueError(
        f"path={str(path)!r} has {option}={found!r} in its {where}, and it must be {wanted!r}: "
        "open the file with the tokenizers library"
    )
