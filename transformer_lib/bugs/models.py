"""Bugs of models: in what attention sees, in its mode, and in where its weights come from."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from transformer_lib.attention import MultiHeadAttention, attention
from transformer_lib.pretrained.renaming import neighbours_to_halves


def _layers(model: nn.Module) -> list[MultiHeadAttention]:
    return [layer for layer in model.modules() if isinstance(layer, MultiHeadAttention)]


@contextmanager
def _replaced(holder: Any, name: str, value: Any) -> Iterator[None]:
    """Another value for an attribute while the block is open."""
    own = vars(holder).get(name, holder)  # holder stands for: none of its own
    setattr(holder, name, value)
    try:
        yield
    finally:
        if own is holder:
            delattr(holder, name)
        else:
            setattr(holder, name, own)


@contextmanager
def prefill_without_mask(model: nn.Module) -> Iterator[None]:
    """Attention drops its mask wherever there is a cache: right for one token, and wrong for a prompt of several.

    Source: https://github.com/Mikyx-1/TinyLLM/issues/17, and for four models of another project
    https://github.com/lablup/mlxcel/pull/1001.
    """

    def patched(layer: MultiHeadAttention) -> Any:
        right = layer.forward

        def forward(x: Tensor, memory: Tensor | None = None, **options: Any) -> Tensor:
            if options.get("cache") is not None:
                options["mask"] = None
            return right(x, memory, **options)

        return forward

    with ExitStack() as stack:
        for layer in _layers(model):
            stack.enter_context(_replaced(layer, "forward", patched(layer)))
        yield


@contextmanager
def dropout_in_evaluation(model: nn.Module, p: float) -> Iterator[None]:
    """Attention hands its dropout to a function, which does not know whether the model is being evaluated.

    Source: https://github.com/karpathy/nanoGPT/pull/240.

    Args:
        model: Changed until the context ends.
        p: The probability of dropping an attention weight.
    """

    def attend(query: Tensor, key: Tensor, value: Tensor, mask: Any = None, *, dropout: float = 0.0) -> Tensor:
        return attention(query, key, value, mask, dropout=p)

    with ExitStack() as stack:
        for layer in _layers(model):
            stack.enter_context(_replaced(layer, "attend", attend))
        yield


@contextmanager
def rotary_order_kept(model: nn.Module) -> Iterator[None]:
    """Weights stand in the order of a rotary that turns neighbours, and the model turns halves.

    Source: https://github.com/karpathy/llama2.c/pull/286, where weights went the other way.
    """
    changed: list[tuple[nn.Linear, Tensor]] = []
    for layer in _layers(model):
        for linear, heads in ((layer.w_q, layer.n_heads), (layer.w_k, layer.n_kv_heads)):
            changed.append((linear, linear.weight.data))
            linear.weight.data = neighbours_to_halves(heads).to_theirs((linear.weight.data,))
    try:
        yield
    finally:
        for linear, weight in changed:
            linear.weight.data = weight


def load_by_assignment(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put the tensors of a file in the place of a model's own; the head, stored once as the embedding, is not in it.

    Source: https://github.com/huggingface/accelerate/pull/1204.

    Args:
        model: A LanguageModel; changed in place.
        tensors: By the names of its state, without `head.weight`.
    """
    stored = {name: nn.Parameter(tensor.clone()) for name, tensor in tensors.items() if name != "head.weight"}
    model.load_state_dict(stored, strict=False, assign=True)


def load_by_copy(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """The correct way, for comparison: write into the tensors that the model has, so that shared ones stay shared.

    Args:
        model: Written into.
        tensors: By name.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # each once, whatever the number of its names
            parameter.copy_(tensors[name])
