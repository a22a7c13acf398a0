"""BERT (Devlin et al. 2019, arXiv:1810.04805): an encoder alone, post-norm, learned positions, two segments."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from transformer_lib.architectures import Embedding, MaskedLanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PostNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.models.builders import registered
from transformer_lib.models.config import ModelConfig
from transformer_lib.norms import LayerNorm
from transformer_lib.positions import LearnedPositions


@dataclass(frozen=True, kw_only=True)
class BertConfig(ModelConfig):
    """The sizes of a BERT; BERT base has d_model 768, 12 layers, 12 heads, 30,522 tokens and 512 positions."""

    vocab_size: int
    context_length: int
    d_model: int
    n_layers: int
    n_heads: int
    d_ff: int
    n_segments: int = 2
    dropout: float = 0.0
    norm_eps: float = 1e-12


class MaskedTokenHead(nn.Module):
    """One more layer for each token, then a score for every token of the vocabulary, with the embedding's matrix.

    Args:
        tokens: The embedding it is tied to.
        eps: Of its norm.
    """

    hidden_maps = ("transform",)

    def __init__(self, tokens: nn.Embedding, eps: float) -> None:
        super().__init__()
        self.transform = nn.Linear(tokens.embedding_dim, tokens.embedding_dim)
        self.activation = nn.GELU()
        self.norm = LayerNorm(tokens.embedding_dim, eps)
        self.vocabulary = nn.Linear(tokens.embedding_dim, tokens.num_embeddings)
        self.vocabulary.weight = tokens.weight

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        """Return logits of the token behind each vector, of all positions or of the hidden ones alone."""
        return self.vocabulary(self.norm(self.activation(self.transform(x))))


class NextSentenceHead(nn.Module):
    """Two scores for a pair of passages, from the first vector alone, that of [CLS]: B follows A, or is a random one.

    Args:
        d_model: D.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.pooler = nn.Linear(d_model, d_model)
        self.classes = nn.Linear(d_model, 2)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B 2"]:
        """Return logits of 0, B follows A, and 1, it does not."""
        return self.classes(self.pooler(x[:, 0]).tanh())


class BertForPreTraining(nn.Module):
    """BERT as it is trained: one encoder under two heads.

    Args:
        masked: The encoder with its first head.
        next_sentence: The second, which reads what the encoder makes of [CLS].
    """

    def __init__(self, masked: MaskedLanguageModel, next_sentence: NextSentenceHead) -> None:
        super().__init__()
        self.masked, self.next_sentence = masked, next_sentence

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        *,
        mask: Bool[Tensor, "..."] | None = None,
        segments: Int[Tensor, "B T"] | None = None,
        at: Int[Tensor, " N"] | None = None,
    ) -> tuple[Float[Tensor, "*N V"], Float[Tensor, "B 2"]]:
        """Return the logits of both heads: see MaskedLanguageModel, which takes the same arguments."""
        x = self.masked.encode(tokens, mask=mask, segments=segments)
        return self.masked.head(x if at is None else x.flatten(end_dim=1)[at]), self.next_sentence(x)


@registered
def bert(config: BertConfig, generator: torch.Generator | None = None) -> MaskedLanguageModel:
    """Build the model with fresh weights.

    Args:
        config: Its sizes.
        generator: The source of the random weights; None takes PyTorch's global one.
    """

    def block() -> Block:
        return Block(
            attention=MultiHeadAttention(config.d_model, config.n_heads, dropout=config.dropout),
            feed_forward=FeedForward(config.d_model, config.d_ff, nn.GELU()),
            residual=lambda: PostNorm(LayerNorm(config.d_model, config.norm_eps), config.dropout),
        )

    tokens = nn.Embedding(config.vocab_size, config.d_model)
    embedding = Embedding(
        tokens,
        LearnedPositions(config.context_length, config.d_model),
        segments=nn.Embedding(config.n_segments, config.d_model),
        norm=LayerNorm(config.d_model, config.norm_eps),
        dropout=config.dropout,
    )
    blocks = [block() for _ in range(config.n_layers)]
    model = MaskedLanguageModel(embedding, blocks, head=MaskedTokenHead(tokens, config.norm_eps))
    initialise(model, generator)
    return model


@registered
def bert_for_pre_training(config: BertConfig, generator: torch.Generator | None = None) -> BertForPreTraining:
    """Build the model and its head for next-sentence prediction with fresh weights; arguments as for `bert`."""
    model = BertForPreTraining(bert(config, generator), NextSentenceHead(config.d_model))
    initialise(model.next_sentence, generator)
    return model


def initialise(model: nn.Module, generator: torch.Generator | None = None) -> None:
    """Draw every matrix from N(0, 0.02), cut off at two standard deviations; biases start at 0.

    Args:
        model: What `bert` builds, or a part of it; changed in place.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
