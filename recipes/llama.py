"""A LLaMA on the plays beside the GPT of recipes/gpt.py: same data, steps and optimizer. 35 minutes on one core.

It has as many parameters: what the missing table of positions and the shared key heads save goes into the width of the
feed-forward network. An interrupted run goes on where it was.
"""

import gpt
import torch
from torch import nn

from transformer_lib.models.gpt import GPTConfig
from transformer_lib.models.llama import LlamaConfig, llama

WIDTH = 16  # d_ff is a multiple of it


def config_like(theirs: GPTConfig) -> LlamaConfig:
    """The LLaMA of a GPT's size: one key head for all query heads if their number is odd, else one for two."""
    sizes = {name: getattr(theirs, name) for name in ("vocab_size", "context_length", "d_model", "n_layers", "n_heads")}
    n_kv_heads = theirs.n_heads // 2 if theirs.n_heads % 2 == 0 else 1

    def parameters(d_ff: int) -> int:
        with torch.device("meta"):
            model = llama(LlamaConfig(**sizes, n_kv_heads=n_kv_heads, d_ff=d_ff, tied=True))
        return sum(parameter.numel() for parameter in model.parameters())

    with torch.device("meta"):
        wanted = sum(parameter.numel() for parameter in gpt.gpt(theirs).parameters())
    d_ff = min(range(WIDTH, 2 * theirs.d_ff, WIDTH), key=lambda width: abs(parameters(width) - wanted))
    return LlamaConfig(**sizes, n_kv_heads=n_kv_heads, d_ff=d_ff, tied=True)


def build(config: GPTConfig, generator: torch.Generator) -> nn.Module:
    """The LLaMA, with weights that write to the stream made smaller, as in the GPT."""
    model = llama(config_like(config), generator)
    with torch.no_grad():
        for block in model.blocks:
            for matrix in (block.attention.w_o.weight, block.feed_forward.down.weight):
                matrix.mul_((2 * config.n_layers) ** -0.5)
    return model


def main() -> None:
    gpt.main(
        "llama",
        build=build,
        checkpoint=gpt.CHECKPOINT.with_name("llama.safetensors"),
        rung="LLaMA",
        chapter="16",
        command="python recipes/llama.py",
    )


if __name__ == "__main__":
    main()
