"""Weights that others trained, in this library's models.

    model, tokenizer = smollm2()            a LLaMA that answers; generate(model, tokenizer.chat(messages), …)
    model, tokenizer = minilm()             a BERT that compares sentences; embed(model, tokenizer, sentences)
    model, tokenizer = whisper_tiny_en()    an encoder-decoder that hears; transcribe(model, tokenizer, sound)

Weights come from pinned archives whose hash is checked each time; nothing in a file is run or unpickled. Below that are

    files           gguf, gguf_formats, ctranslate2: what is in them, as a mapping from names to tensors
    conversion      renaming, key_tables: whose tensor is whose; hugging_face, llama_gguf, whisper_ctranslate2
    tasks           sentences (embed), speech (transcribe)
"""

from transformer_lib.architectures import EncoderDecoder, LanguageModel
from transformer_lib.data import vocabularies, weights
from transformer_lib.models.sentence_encoder import SentenceEncoder
from transformer_lib.pretrained.ctranslate2 import CTranslate2
from transformer_lib.pretrained.gguf import GGUF
from transformer_lib.pretrained.llama_gguf import llama_from_gguf, tokenizer_from_gguf
from transformer_lib.pretrained.sentences import embed, sentence_encoder_from_files
from transformer_lib.pretrained.speech import SpeechTokenizer, transcribe
from transformer_lib.pretrained.whisper_ctranslate2 import whisper_from_ctranslate2
from transformer_lib.tokenizers.chat import ChatTokenizer
from transformer_lib.tokenizers.wordpiece import WordPieceTokenizer

__all__ = ["embed", "minilm", "smollm2", "transcribe", "whisper_tiny_en"]


def smollm2() -> tuple[LanguageModel, ChatTokenizer]:
    """Load SmolLM2-135M-Instruct: a LLaMA of 30 layers, tuned to answer in English, and its tokenizer.

    Its weights were quantised to 4 bits; here they are float32, 540 MB in memory. The archive is 93 MB. On a CPU
    `runtime.store_by_columns(model)` makes it write faster.

    Returns:
        The model in evaluation mode, and its tokenizer, whose `chat` writes a conversation.

    Raises:
        ArchiveError: If the archive cannot be had.
    """
    file = GGUF(weights.SMOLLM2.path(weights.SMOLLM2_FILE, thorough=True))
    tokenizer = tokenizer_from_gguf(file)
    assert isinstance(tokenizer, ChatTokenizer)
    return llama_from_gguf(file), tokenizer


def minilm() -> tuple[SentenceEncoder, WordPieceTokenizer]:
    """Load all-MiniLM-L6-v2: an encoder of six layers that gives sentences of like meaning like vectors.

    It reads English, 22.6 million parameters, 90 MB in memory. The archive is 84 MB.

    Returns:
        The model in evaluation mode, and its tokenizer; `embed` puts both to use.

    Raises:
        ArchiveError: If the archive cannot be had.
    """
    config, tensors = (
        weights.MINILM.path(f"{weights.MINILM_FOLDER}/{name}", thorough=True)
        for name in ("config.json", "model.safetensors")
    )
    return sentence_encoder_from_files(config, tensors), vocabularies.bert()


def whisper_tiny_en() -> tuple[EncoderDecoder, SpeechTokenizer]:
    """Load Whisper tiny.en: four layers that hear 30 seconds of sound, and four that write what was said in English.

    It has 37.8 million parameters, kept as float16 and here float32, 150 MB in memory. The archive is 71 MB.

    Returns:
        The model in evaluation mode, and its tokenizer; `transcribe` puts both to use.

    Raises:
        ArchiveError: If the archive cannot be had.
    """
    tensors, words, rules = (
        weights.WHISPER.path(f"{weights.WHISPER_FOLDER}/{name}", thorough=True)
        for name in ("model.bin", "tokenizer.json", "config.json")
    )
    return whisper_from_ctranslate2(CTranslate2(tensors)), SpeechTokenizer.from_files(words, rules)
