"""The same model for a processor that writes one token at a time: fewer calls, and weights that are read faster.

    model, tokenizer = smollm2()
    fuse_projections(model)
    store_by_columns(model)
    generate(model, tokenizer.chat(messages), 100)

Both change a built model in place, and no number that it computes but for rounding. Save and train the plain one: a
fused model has other names. Fewer bits a weight do change the numbers: `transformer_lib.quantization`.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.attention import MultiHeadAttention
from transformer_lib.cache import KVCache, next_positions
from transformer_lib.feed_forward import SwiGLU
from transformer_lib.masks import Mask
from transformer_lib.positions import Rotation


class FusedAttention(MultiHeadAttention):
    """Self-attention whose queries, keys and values come from one linear map, and are turned in one call.

    Args:
        plain: The attention whose weights it takes.
    """

    hidden_maps = "w_qkv", "w_o"

    def __init__(self, plain: MultiHeadAttention) -> None:
        nn.Module.__init__(self)
        self.d_model, self.d_head, self.dropout = plain.d_model, plain.d_head, plain.dropout
        self.n_heads, self.n_kv_heads = plain.n_heads, plain.n_kv_heads
        self.rotary, self.attend, self.w_o = plain.rotary, plain.attend, plain.w_o
        self.q_norm, self.k_norm = plain.q_norm, plain.k_norm
        self.w_qkv = joined(plain.w_q, plain.w_k, plain.w_v)
        self.train(plain.training)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        memory: Float[Tensor, "B S D"] | None = None,
        *,
        mask: Mask = None,
        positions: Int[Tensor, "*P T"] | Rotation | None = None,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Attend from x to itself, as MultiHeadAttention does.

        Raises:
            ValueError: If there is a memory.
        """
        if memory is not None:
            raise ValueError("fused attention is self-attention: leave memory out, or use the model before the fusing")
        heads = self._heads(self.w_qkv(x))  # (B, H + 2G, T, Dh): queries, keys, values
        H, G = self.n_heads, self.n_kv_heads
        if self.q_norm is not None and self.k_norm is not None:
            q, k, v = heads.split((H, G, G), dim=1)
            heads = torch.cat((self.q_norm(q), self.k_norm(k), v), dim=1)
        if self.rotary is None:
            q, k, v = heads.split((H, G, G), dim=1)
        else:
            turning, v = heads.split((H + G, G), dim=1)
            rotation = self.rotary.rotation(next_positions(x, cache) if positions is None else positions, x.dtype)
            q, k = self.rotary(turning, rotation).split((H, G), dim=1)
        if cache is not None:
            k, v = cache.append(k, v)
        out = self.attend(q, k, v, mask, dropout=self.dropout if self.training else 0.0)  # (B, H, T, Dh)
        return self.w_o(out.transpose(1, 2).flatten(start_dim=2))


class FusedSwiGLU(nn.Module):
    """A SwiGLU whose gate and hidden features come from one linear map.

    Args:
        plain: The SwiGLU whose weights it takes.
    """

    hidden_maps = "gate_up", "down"

    def __init__(self, plain: SwiGLU) -> None:
        super().__init__()
        self.gate_up, self.down = joined(plain.gate, plain.up), plain.down
        self.train(plain.training)

    def forward(self, x: Float[Tensor, "*T D"]) -> Float[Tensor, "*T D"]:
        """Apply the network to each position by itself."""
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


@torch.no_grad()
def joined(*maps: nn.Linear) -> nn.Linear:
    """One linear map that returns the outputs of several, side by side."""
    first = maps[0]
    whole = nn.Linear(first.in_features, sum(m.out_features for m in maps), first.bias is not None, device="meta")
    whole.weight = nn.Parameter(torch.cat([m.weight for m in maps]))
    if first.bias is not None:
        whole.bias = nn.Parameter(torch.cat([m.bias for m in maps]))
    return whole


def fuse_projections(model: nn.Module) -> None:
    """Merge what reads the same vector into one linear map, in place: w_q, w_k and w_v; gate and up of a SwiGLU.

    A step of a small model is mostly calls, and this saves several a layer. Cross-attention stays as it is, since its
    queries and keys read different vectors.

    Args:
        model: Its self-attention and SwiGLU modules are replaced.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is MultiHeadAttention and name != "cross_attention":
                setattr(parent, name, FusedAttention(child))
            elif type(child) is SwiGLU:
                setattr(parent, name, FusedSwiGLU(child))


def store_by_columns(model: nn.Module) -> None:
    """Lay out the weights of a model, in place, for a processor that writes one token at a time.

    The product of a matrix and one vector takes as long as reading the matrix, and PyTorch's product reads one that is
    at least as tall as wide in less time if its columns are contiguous: `bench/gpt.py` measures it. Values, shapes and
    names stay as they are, and so do weights that are shared. For a CPU only: FSDP, which shards weights, takes them
    by rows alone.

    Args:
        model: Its nn.Linear layers are changed.
    """
    for weight in {module.weight for module in model.modules() if isinstance(module, nn.Linear)}:
        if weight.shape[0] >= weight.shape[1]:
            weight.data = weight.data.mT.contiguous().mT
