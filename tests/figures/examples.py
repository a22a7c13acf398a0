"""One call of each drawing, with the tensors that its labels speak of."""

import math
from collections.abc import Callable

import torch

from figures import (
    Drawing,
    attention_flow,
    back_off,
    gradient_step,
    markov_chain,
    probability_bars,
    softmax_bars,
    text_to_vectors,
    two_typefaces,
    window_mlp,
    words_attention,
)
from transformer_lib.models.mlp import MLP

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
SONG = "Out, out, brief candle! The kinger doth wore his brandle, and thou art a wisperous knight of France."

EXAMPLES: dict[str, Callable[[], Example]] = {
    "attention_flow": flow,
    "back_off": lambda: alone(
        back_off("brew ta", [0, 0, 0, 12, 1040], {"k": 5, "l": 3, "r": 2, **dict.fromkeys("tmnb", 1)})
    ),
    "gradient_step": lambda: alone(
        gradient_step(WORDS, [0.2] * 5, CHAIN[2], softmax([-0.6] * 3 + [1.4, 0.4]), row="love", rate=3)
    ),
    "markov_chain": lambda: alone(markov_chain(WORDS, CHAIN)),
    "markov_chain, round": lambda: alone(markov_chain(["a", "b", "c"], [[0.1, 0.9, 0], [0.5, 0, 0.5], [1, 0, 0]])),
    "probability_bars": lambda: alone(probability_bars(TOKENS, ZIPF, [p > 0.03 for p in ZIPF])),
    "probability_bars, rules": lambda: alone(
        probability_bars(TOKENS, ZIPF, {"top-k 5": [r < 5 for r in range(40)], "min-p 0.1": [p > 0.1 for p in ZIPF]})
    ),
    "softmax_bars": lambda: alone(
        softmax_bars(
            {f"{d} components": softmax([math.sqrt(d) * math.sin(7 * i) for i in range(10)]) for d in (4, 512)}
        )
    ),
    "text_to_vectors": lookup,
    "two_typefaces": lambda: alone(two_typefaces(SONG, [not 20 < i % 40 < 29 for i in range(len(SONG))])),
    "window_mlp": network,
    "words_attention": lambda: alone(
        words_attention("Ada baked bread ; Bo ate it".split(), [0.02, 0.04, 0.8, 0.02, 0.02, 0.04, 0.06], 6)
    ),
    "words_attention, lines": lambda: alone(words_attention(SPEECH, SHARES, len(SPEECH) - 1)),
}
