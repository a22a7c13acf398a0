"""Weights that others trained: readers of their files, and key tables into this library's models.

    model, tokenizer = smollm2()        a LLaMA that answers

Weights come from pinned archives whose hash is checked each time; nothing in a file is run or unpickled.
"""

from transformer_lib.architectures import LanguageModel
from transformer_lib.data import weights
from transformer_lib.pretrained.gguf import GGUF
from transformer_lib.pretrained.llama_gguf import llama_from_gguf, tokenizer_from_gguf
from transformer_lib.tokenizers.chat import ChatTokenizer


def smollm2() -> tuple[LanguageModel, ChatTokenizer]:
    """Load SmolLM2-135M-Instruct: a LLaMA of 30 layers, tuned to answer in English, and its tokenizer.

    Its weights were quantised to 4 bits; here they are float32, 540 MB in memory. The archive is 93 MB.

    Returns:
        The model in evaluation mode, and its tokenizer, whose `chat` writes a conversation.

    Raises:
        ArchiveError: If the archive cannot be had.
    """
    file = GGUF(weights.SMOLLM2.path(weights.SMOLLM2_FILE, thorough=True))
    tokenizer = tokenizer_from_gguf(file)
    assert isinstance(tokenizer, ChatTokenizer)
    return llama_from_gguf(file), tokenizer
