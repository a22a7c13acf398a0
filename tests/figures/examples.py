"""One call of each drawing, with the tensors that its labels speak of."""

import math
from collections.abc import Callable

import torch

from figures import (
    Drawing,
    attention_flow,
    attention_table,
    back_off,
    block_tables,
    data_parallel,
    decoding_steps,
    drawers,
    encoder_decoder_bert_gpt,
    gpt_beside_llama,
    gpt_model,
    gradient_step,
    head_reshape,
    kv_cache,
    low_rank,
    markov_chain,
    mask_panels,
    multi_head,
    my_loss_is,
    next_token_triangle,
    pipeline_bubble,
    pre_and_post_norm,
    probability_bars,
    ring_all_reduce,
    roofline,
    rope_plane,
    softmax_bars,
    text_to_vectors,
    three_ways_of_judging,
    three_ways_to_read,
    timeline,
    token_rows,
    transformer_2017,
    two_typefaces,
    what_ranks_hold,
    window_mlp,
    words_attention,
)
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.mlp import MLP
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.norms import LayerNorm

Example = tuple[Drawing, dict[str, torch.Tensor]]


torch.manual_seed(0)


def flow() -> Example:
    T, S, D, Dh = 4, 6, 5, 3
    x, m = torch.randn(T, D), torch.randn(S, D)
    W_Q, W_K, W_V = (torch.randn(D, Dh) for _ in range(3))
    Q, K, V = x @ W_Q, m @ W_K, m @ W_V
    scores = Q @ K.T
    weights = scores.softmax(dim=-1)
    tensors = dict(x=x, m=m, W_Q=W_Q, W_K=W_K, W_V=W_V, Q=Q, K=K, V=V, scores=scores, weights=weights)
    drawing = attention_flow(T, S, D, Dh, weights=weights.tolist(), marked=(3, "it"))
    return drawing, tensors | {"output": weights @ V}


def network() -> Example:
    n, D, F, V = 8, 32, 512, 72
    model = MLP(V, n, D, F)
    E, W_1, W_2 = model.embedding.weight[:V], model.hidden.weight.T, model.output.weight.T
    window = torch.randint(V, (n,))
    x = E[window].flatten()
    h = torch.tanh(x @ W_1)
    drawing = window_mlp(n, D, F, V, window="more: it", predictions=[(" ", 0.53), ("s", 0.21), ("\n", 0.04)])
    return drawing, dict(window=window, E=E, x=x, W_1=W_1, h=h, W_2=W_2, logits=h @ W_2)


def lookup() -> Example:
    ids, V, D = [412, 87, 9, 87, 640], 768, 8
    E = torch.randn(V, D)
    x = E[ids]
    return text_to_vectors(["The", " king", " is", " king", "ly"], ids, x.tolist(), V), dict(E=E, x=x)


def heads() -> Example:
    """As MultiHeadAttention computes it, step by step."""
    T, D, H = 5, 8, 4
    x = torch.randn(T, D)
    Q, K, V = (x @ torch.randn(D, D) for _ in range(3))
    q, k, v = (part.view(T, H, D // H).transpose(0, 1) for part in (Q, K, V))
    weights = (q @ k.transpose(1, 2)).softmax(dim=-1)
    outputs = weights @ v
    joined = outputs.transpose(0, 1).reshape(T, D)
    W_O = torch.randn(D, D)
    tensors = dict(x=x, Q=Q, K=K, V=V, weights=weights, outputs=outputs, joined=joined, W_O=W_O, output=joined @ W_O)
    return multi_head(T, D, H, weights=weights.tolist()), tensors


def reshape() -> Example:
    """As split_heads of chapter 9 does it."""
    B, T, H, Dh = 2, 3, 2, 3
    q = torch.arange(B * T * H * Dh).view(B, T, H * Dh)
    cut = q.view(B, T, H, Dh)
    return head_reshape(T, H, Dh), dict(q=q, cut=cut, heads=cut.transpose(1, 2))


def block() -> Example:
    T, D = 5, 8
    x = torch.randn(T, D)
    part = Block(MultiHeadAttention(D, 2), FeedForward(D, 16), lambda: PreNorm(LayerNorm(D)))
    return pre_and_post_norm(), dict(x=x, output=part(x[None])[0])


def translator() -> Example:
    S, T = 7, 5
    model = transformer(TransformerConfig(vocab_size=20, d_model=8, n_layers=2, n_heads=2, d_ff=16))
    source, target = torch.randint(20, (1, S)), torch.randint(20, (1, T))
    return transformer_2017(2), dict(m=model.encode(source)[0], logits=model(source, target)[0])


def decoder_only() -> Example:
    """What passes through a GPT, as its parts compute it."""
    T, V, D, F = 6, 20, 8, 32
    model = gpt(GPTConfig(vocab_size=V, context_length=9, d_model=D, n_layers=2, n_heads=2, d_ff=F)).eval()
    ids = torch.randint(V, (T,))
    E, P = model.embedding.tokens.weight, model.embedding.positions.table.weight[:T]
    x = model.embedding(ids[None])[0]
    torch.testing.assert_close(x, E[ids] + P)
    h = model.blocks[0].feed_forward.up(x)
    return gpt_model(2), dict(ids=ids, E=E, P=P, x=x, h=h, logits=model(ids[None])[0])


def adapter() -> Example:
    T, D, r = 4, 10, 2
    x, W, A, B = torch.randn(T, D), torch.randn(D, D), torch.randn(D, r), torch.randn(r, D)
    return low_rank(T, D, r), dict(x=x, W=W, A=A, B=B, output=x @ W + x @ A @ B)


def crossing() -> Example:
    """A mask over a memory that is longer than the target, and padded."""
    T, S, real = 3, 6, 4
    mask = (torch.arange(S) < real).expand(T, S)
    words = {"cross": (["to", "be", "or"], "être ou ne pas ∅ ∅".split())}
    return mask_panels({"cross": mask.tolist()}, [], {"cross": mask.tolist()}, others=words), dict(cross=mask)


def panels() -> Example:
    """Four masks, and a probe that found every one causal."""
    past = torch.ones(6, 6, dtype=torch.bool).tril()
    found = {"causal": past, "window": past.triu(-2), "everyone": past | True, "inverted": ~past}
    works = dict.fromkeys(found, past.tolist())
    return mask_panels(
        {name: mask.tolist() for name, mask in found.items()}, "to be or not to be".split(), works
    ), found


def softmax(values: list[float]) -> list[float]:
    return torch.tensor(values).softmax(dim=0).tolist()


def alone(drawing: Drawing) -> Example:
    return drawing, {}


WORDS = ["I", "you", "love", "oranges", "grapes"]
CHAIN = [[0, 0, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 2 / 3, 1 / 3], [0] * 5, [0] * 5]
SPEECH = "Life's but a walking shadow , a poor player \n That struts and frets his hour upon the stage : it".split(" ")
SHARES = [0.42, 0.02, 0.01, 0.1, 0.2] + [0.25 / (len(SPEECH) - 5)] * (len(SPEECH) - 5)
TOKENS = [*" etaoinshr", *map(chr, range(0x4E00, 0x4E00 + 30))]
ZIPF = [1 / rank / sum(1 / r for r in range(1, 41)) for rank in range(1, 41)]
SONG = "Out, out, <brief> candle & all! The kinger doth wore his brandle, and thou art a wisperous knight of France."

EXAMPLES: dict[str, Callable[[], Example]] = {
    "attention_flow": flow,
    "back_off": lambda: alone(
        back_off("brew ta", [0, 0, 0, 12, 1040], {"k": 5, "l": 3, "<": 2, **dict.fromkeys("tmnb", 1)})
    ),
    "block_tables": lambda: alone(
        block_tables({"A": "To be, o", "B": "To be, I am", "C": "No"}, {"A": [3, 0], "B": [3, 5, 1], "C": [6]}, 4, 8)
    ),
    "three_ways_of_judging": lambda: alone(three_ways_of_judging()),
    "data_parallel": lambda: alone(data_parallel([1, 2, 4], 8)),
    "attention_table": lambda: alone(
        attention_table(
            torch.tensor([[4.0, 1, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0, 0], [0, 0, 3, 3, 1, 3, 3]])
            .softmax(dim=-1)
            .tolist(),
            ["I", "am", "an"],
            list("我是一名工程师"),
            glosses=[("I", 1), ("be", 1), ("one", 2), ("engineer", 3)],
            titles=("writes", "and looks at"),
            marked=2,
        )
    ),
    "attention_table, one row": lambda: alone(attention_table([[0.25, 0.75]], ["the query"], ["first", "second"])),
    "decoding_steps": lambda: alone(
        decoding_steps(["我", "是", "工程师"], ["[begin]", "I", "am", "an", "engineer", "[end]"], [0.98, 1, 0.9, 1, 1])
    ),
    "drawers": lambda: alone(
        drawers(
            "CFHB",
            [0, 2],
            {
                "one head": ([[0.4, 0.15, 0.35, 0.1]], ["C", "C"]),
                "two heads": ([[0.98, 0.02, 0, 0], [0, 0.01, 0.99, 0]], ["C", "H"]),
            },
        )
    ),
    "gpt_beside_llama": lambda: alone(gpt_beside_llama()),
    "gpt_model": decoder_only,
    "encoder_decoder_bert_gpt": lambda: alone(encoder_decoder_bert_gpt()),
    "gradient_step": lambda: alone(
        gradient_step(WORDS, [0.2] * 5, CHAIN[2], softmax([-0.6] * 3 + [1.4, 0.4]), row="love", rate=3)
    ),
    "head_reshape": reshape,
    "kv_cache": lambda: alone(kv_cache(5)),
    "low_rank": adapter,
    "markov_chain": lambda: alone(markov_chain(WORDS, CHAIN)),
    "markov_chain, round": lambda: alone(markov_chain(["a", "b", "c"], [[0.1, 0.9, 0], [0.5, 0, 0.5], [1, 0, 0]])),
    "mask_panels": panels,
    "mask_panels, cross": crossing,
    "multi_head": heads,
    "my_loss_is": lambda: alone(my_loss_is()),
    "next_token_triangle": lambda: alone(next_token_triangle(["t", "o", "␣", "b", "e", ","])),
    "pipeline_bubble": lambda: alone(pipeline_bubble(4, [1, 4])),
    "pre_and_post_norm": block,
    "probability_bars": lambda: alone(probability_bars(TOKENS, ZIPF, [p > 0.03 for p in ZIPF])),
    "probability_bars, all": lambda: alone(probability_bars(TOKENS, ZIPF)),
    "probability_bars, rules": lambda: alone(
        probability_bars(TOKENS, ZIPF, {"top-k 5": [r < 5 for r in range(40)], "min-p 0.1": [p > 0.1 for p in ZIPF]})
    ),
    "ring_all_reduce": lambda: alone(ring_all_reduce(4)),
    "ring_all_reduce, of three": lambda: alone(ring_all_reduce(3)),
    "roofline": lambda: alone(
        roofline(
            96,
            28,
            {"a prompt": [(0.5, 7, "1"), (7, 66, ""), (60, 82, "256")], "a batch": [(0.5, 6.9, "1"), (14, 70, "64")]},
        )
    ),
    "rope_plane": lambda: alone(rope_plane((1, 0.3), (0.4, 0.8), [(5, 2), (9, 6)], 0.4)),
    "softmax_bars": lambda: alone(
        softmax_bars(
            {f"{d} components": softmax([math.sqrt(d) * math.sin(7 * i) for i in range(10)]) for d in (4, 512)}
        )
    ),
    "text_to_vectors": lookup,
    "three_ways_to_read": lambda: alone(three_ways_to_read(8)),
    "three_ways_to_read, narrow": lambda: alone(three_ways_to_read(5, kernel=2)),
    "timeline": lambda: alone(
        timeline([(1913, "Markov", "chains of letters"), (2003, "Bengio", "a network"), (2017, "Vaswani", "attention")])
    ),
    "token_rows": lambda: alone(token_rows({"bytes": list("a verse of many letters, which needs two lines")})),
    "token_rows, ids": lambda: alone(
        token_rows({"one": ["st", "raw"], "another": [" straw", "\n"]}, {"one": [301, 1831], "another": [41236, 5]})
    ),
    "transformer_2017": translator,
    "two_typefaces": lambda: alone(two_typefaces(SONG, [not 20 < i % 40 < 29 for i in range(len(SONG))])),
    "what_ranks_hold": lambda: alone(what_ranks_hold(4, 8)),
    "window_mlp": network,
    "words_attention": lambda: alone(
        words_attention("Ada baked bread ; Bo ate it".split(), [0.02, 0.04, 0.8, 0.02, 0.02, 0.04, 0.06], 6)
    ),
    "words_attention, lines": lambda: alone(words_attention(SPEECH, SHARES, len(SPEECH) - 1)),
}
