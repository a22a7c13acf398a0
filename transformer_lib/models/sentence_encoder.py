"""A sentence as one vector (Reimers and Gurevych 2019, arXiv:1908.10084): an encoder's outputs, averaged.

    v = mean of x_i over the real tokens i,    out = v / |v|

so that the product of two of them is the cosine of their angle: 1 for sentences that the model takes to mean the same.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.architectures import MaskedLanguageModel
from transformer_lib.masks import padding_mask
from transformer_lib.models.bert import BertConfig, bert
from transformer_lib.models.builders import registered


class SentenceEncoder(nn.Module):
    """An encoder that was trained to bring sentences of like meaning together.

    Args:
        encoder: Its blocks; the head is not used.
    """

    def __init__(self, encoder: MaskedLanguageModel) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Return a vector of length 1 for each sentence.

        Args:
            tokens: Sentences, padded at the end.
            lengths: How many tokens of each are real, at least one.
        """
        real = padding_mask(lengths, tokens.shape[1])  # (B, 1, 1, T)
        x = self.encoder.encode(tokens, mask=real)
        weights = real[:, 0, 0, :, None].to(x.dtype)  # (B, T, 1)
        return F.normalize((x * weights).sum(dim=1), dim=-1)  # the sum points where the mean does


@registered
def sentence_encoder(config: BertConfig, generator: torch.Generator | None = None) -> SentenceEncoder:
    """Build the model with fresh weights.

    Args:
        config: The sizes of its encoder.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    encoder = bert(config, generator)
    encoder.head = nn.Identity()
    return SentenceEncoder(encoder)
