"""How GGUF writes the numbers of a tensor: plainly, or quantised in blocks of 32.

A block has a scale d of its own, in Q4_1 an offset m too, and a small integer q for each of its weights:

    Q8_0    w = d q,          q in -128..127        34 bytes a block, 8.5 bits a weight
    Q4_0    w = d (q - 8),    q in 0..15            18 bytes,         4.5 bits
    Q4_1    w = d q + m,      q in 0..15            20 bytes,         5.0 bits

with d and m in float16. Source: the repository of ggml, docs/gguf.md and the structs of its blocks.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

BLOCK = 32  # weights that share a scale


class Format(NamedTuple):
    """How a tensor is written: what stands in the file, how many weights that is, and what they are."""

    name: str
    stored: np.dtype
    weights: int
    widen: Callable[[np.ndarray], np.ndarray]


def _nibbles(q: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Scaled 4-bit numbers; a byte holds weight i of its block in its low half and weight i + 16 in its high one."""
    weights = np.empty((len(q), 2, BLOCK // 2), np.float32)
    np.multiply(q & 15, scale[:, None], out=weights[:, 0])
    np.multiply(q >> 4, scale[:, None], out=weights[:, 1])
    return weights.reshape(-1, BLOCK)


def _q4_0(blocks: np.ndarray) -> np.ndarray:
    d = blocks["d"].astype(np.float32)
    return _nibbles(blocks["q"], d) - 8 * d[:, None]


def _q4_1(blocks: np.ndarray) -> np.ndarray:
    weights = _nibbles(blocks["q"], blocks["d"].astype(np.float32))
    weights += blocks["m"].astype(np.float32)[:, None]
    return weights


def _q8_0(blocks: np.ndarray) -> np.ndarray:
    return blocks["q"] * blocks["d"].astype(np.float32)[:, None]


def _bf16(stored: np.ndarray) -> np.ndarray:
    return (stored.astype(np.uint32) << 16).view(np.float32)  # the upper half of a float32


_HALVES = ("q", "u1", BLOCK // 2)
FORMATS = {
    0: Format("F32", np.dtype("<f4"), 1, lambda stored: stored.astype(np.float32)),
    1: Format("F16", np.dtype("<f2"), 1, lambda stored: stored.astype(np.float32)),
    2: Format("Q4_0", np.dtype([("d", "<f2"), _HALVES]), BLOCK, _q4_0),
    3: Format("Q4_1", np.dtype([("d", "<f2"), ("m", "<f2"), _HALVES]), BLOCK, _q4_1),
    8: Format("Q8_0", np.dtype([("d", "<f2"), ("q", "i1", BLOCK)]), BLOCK, _q8_0),
    30: Format("BF16", np.dtype("<u2"), 1, _bf16),
}
