from dataclasses import dataclass

import pytest

from transformer_lib.models.config import ModelConfig
from transformer_lib.models.gpt import GPTConfig


@dataclass(frozen=True, kw_only=True)
class Small(ModelConfig):
    length: int
    width: int | None = None
    dropout: float = 0.0


def test_a_configuration_without_heads_is_checked_too():
    assert Small(length=1).width is None
    with pytest.raises(ValueError, match="length=0 must be at least 1, and whole"):
        Small(length=0)
    with pytest.raises(ValueError, match=r"width=2.0 must be at least 1, and whole"):
        Small(length=1, width=2.0)
    with pytest.raises(ValueError, match=r"length=None must be at least 1"):
        Small(length=None)
    with pytest.raises(ValueError, match=r"dropout=1.0 must be in \[0, 1\)"):
        Small(length=1, dropout=1.0)


def test_a_head_may_have_a_matrix_of_its_own():
    from transformer_lib.models.gpt import gpt

    sizes = {"vocab_size": 7, "context_length": 5, "d_model": 8, "n_layers": 1, "n_heads": 2, "d_ff": 6}
    tied, apart = gpt(GPTConfig(**sizes)), gpt(GPTConfig(**sizes, tied=False))
    assert tied.head.weight is tied.embedding.tokens.weight
    assert apart.head.weight is not apart.embedding.tokens.weight
    assert sum(p.numel() for p in apart.parameters()) - sum(p.numel() for p in tied.parameters()) == 7 * 8
