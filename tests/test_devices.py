"""Tensors are made where the inputs are: under another default device, nothing may end up there.

On the meta device a tensor has a shape and no numbers, so that one that is made there by mistake cannot be computed
with what lies on the CPU.
"""

import pytest
import torch

from transformer_lib.inspection import assert_cache_exact, assert_causal, assert_permutation_equivariant
from transformer_lib.models.bert import BertConfig, bert_for_pre_training
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.mlp import MLPConfig, mlp
from transformer_lib.models.sentence_encoder import sentence_encoder
from transformer_lib.pretrained import embed
from transformer_lib.spectrograms import log_mel
from transformer_lib.tokenizers.wordpiece import SPECIAL_TOKENS, WordPieceTokenizer
from transformer_lib.training import (
    TrainConfig,
    mask_tokens,
    masked_token_loss,
    pre_training_loss,
    random_windows,
    token_nll,
    train,
)

TOKENS, VECTORS = torch.arange(40) % 7, torch.eye(4)[None]
SIZES = {"vocab_size": 11, "context_length": 8, "d_model": 8, "n_layers": 1, "n_heads": 2, "d_ff": 6}
GPT, MLP, BERT = (
    gpt(GPTConfig(**SIZES)),
    mlp(MLPConfig(vocab_size=7, context_length=2, d_embedding=3, d_hidden=3)),
    bert_for_pre_training(BertConfig(**SIZES)),
)
SENTENCES = sentence_encoder(BertConfig(**SIZES)).eval()
WORDS = WordPieceTokenizer({word: i for i, word in enumerate([*SPECIAL_TOKENS, "a", "b", "c"])})


def generator():
    return torch.Generator().manual_seed(0)


def masked():
    return mask_tokens(TOKENS.view(5, 8), mask=3, special=(0, 1), vocab_size=7, generator=generator())


WORK = {
    "mask_tokens": masked,
    "masked_token_loss": lambda: masked_token_loss(BERT.masked, masked()),
    "pre_training_loss": lambda: pre_training_loss(BERT, (*masked(), TOKENS.view(5, 8) % 2, TOKENS[:5] % 2)),
    "random_windows": lambda: next(random_windows(TOKENS, 5, 2, generator())),
    "token_nll": lambda: token_nll(MLP, TOKENS, length=9, overlap=1, batch_size=2),
    "train": lambda: train(GPT, random_windows(TOKENS, 5, 2, generator()), TrainConfig(steps=1)),
    "log_mel": lambda: log_mel(torch.sin(TOKENS.float())),
    "embed": lambda: embed(SENTENCES, WORDS, ["a b", "c"]),
    "assert_causal": lambda: assert_causal(GPT),
    "assert_cache_exact": lambda: assert_cache_exact(GPT),
    "assert_permutation_equivariant": lambda: assert_permutation_equivariant(lambda x: 2 * x, VECTORS),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_nothing_is_made_elsewhere(work):
    expected = work()
    with torch.device("meta"):
        found = work()
    for x, y in zip(*(one if isinstance(one, tuple) else (one,) for one in (expected, found)), strict=True):
        if isinstance(x, torch.Tensor):
            torch.testing.assert_close(x, y)
