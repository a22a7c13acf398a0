"""Recording: the attention weights of every layer, for as long as one asks for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from transformer_lib.attention import MultiHeadAttention, attention_weights, share_heads
from transformer_lib.masks import Mask


@contextmanager
def record_attention(model: nn.Module) -> Iterator[dict[str, Float[Tensor, "B H T S"]]]:
    """Keep the attention weights of every layer while the block is open.

        with record_attention(model) as weights:
            model(tokens)
        weights["blocks.0.attention"]    # (B, H, T, S), those of the last forward pass

    The layers compute their weights the slow way meanwhile; outside the block they do nothing more than they ever did.
    Dropout is applied to the weights that are used, not to those recorded.

    Args:
        model: Anything that holds MultiHeadAttention layers.

    Example:

        >>> import torch
        >>> from transformer_lib.attention import MultiHeadAttention
        >>> layer = MultiHeadAttention(d_model=8, n_heads=2)
        >>> with record_attention(nn.ModuleDict({"layer": layer})) as weights:
        ...     _ = layer(torch.zeros(1, 3, 8))
        >>> weights["layer"].shape
        torch.Size([1, 2, 3, 3])
    """
    weights: dict[str, Tensor] = {}
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, MultiHeadAttention)}
    before = {name: layer.attend for name, layer in layers.items()}
    try:
        for name, layer in layers.items():
            layer.attend = _recorder(name, weights)
        yield weights
    finally:
        for name, layer in layers.items():
            layer.attend = before[name]


def _recorder(name: str, weights: dict[str, Tensor]) -> Callable[..., Tensor]:
    """What `attention` does, with the weights kept."""

    def attend(query: Tensor, key: Tensor, value: Tensor, mask: Mask = None, *, dropout: float = 0.0) -> Tensor:
        used = attention_weights(query, key, mask)
        weights[name] = used.detach()
        return F.dropout(used, dropout) @ share_heads(value, query)

    return attend
