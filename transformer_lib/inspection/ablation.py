"""Ablation: what a head is worth, seen by what is missing without it.

A head adds its own part to the output of its layer, out = sum_i head_i W_o^i. Without the head that term is 0; what it
looked at, and what all other heads do in its layer, stays as it was (Michel et al. 2019, arXiv:1905.10650).
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn

from transformer_lib.attention import MultiHeadAttention


@contextmanager
def ablate_heads(model: nn.Module, heads: Iterable[tuple[str, int]]) -> Iterator[None]:
    """Let some heads write nothing while the block is open.

        with ablate_heads(model, [("blocks.0.attention", 2)]):
            model(tokens)

    Args:
        model: Anything that holds MultiHeadAttention layers.
        heads: Each as the name of its layer, as in record_attention, and its number there, from 0.

    Raises:
        ValueError: If there is no such layer or head.
    """
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, MultiHeadAttention)}
    silent: dict[str, list[int]] = {}
    for name, head in heads:
        if name not in layers:
            raise ValueError(f"heads name the layer {name!r}, which must be one of {sorted(layers)}")
        if not 0 <= head < layers[name].n_heads:
            raise ValueError(f"heads name head {head} of {name}: it must be in 0..{layers[name].n_heads - 1}")
        silent.setdefault(name, []).append(head)
    with ExitStack() as stack:
        for name, numbers in silent.items():
            stack.enter_context(_silenced(layers[name], numbers))
        yield


@contextmanager
def _silenced(layer: MultiHeadAttention, heads: list[int]) -> Iterator[None]:
    def silence(_: nn.Module, joined: tuple[Tensor]) -> Tensor:
        """The heads' results side by side, (B, T, D), some of them 0."""
        kept = joined[0].new_ones(layer.n_heads, 1)
        kept[heads] = 0
        return (joined[0].unflatten(-1, (layer.n_heads, -1)) * kept).flatten(start_dim=-2)

    handle = layer.w_o.register_forward_pre_hook(silence)
    try:
        yield
    finally:
        handle.remove()
