"""The book's drawings: `from figures import attention_flow`, and the call as the last line of a folded cell.

Every drawing takes real data or real sizes and returns an SVG that the page shows in its own colors. The cell's
metadata give it a caption and a name, `mystnb: {figure: {name, caption}}`; it describes itself to a screen reader, and
`mystnb.image.alt` says it better where the page knows more.

attention_flow(T, S, D, Dh, weights=weights, marked=(row, "it")): x and m, W_Q, W_K, W_V, scores, weights, output.
back_off("wherefo", counts, following): a context that was never seen, and the shorter one that was.
gradient_step(labels, before, target, after, row="q", rate=1.0): probabilities − target, and what one step changes.
markov_chain(words, P): words as nodes, probabilities as arrows, dead ends.
window_mlp(n, D, F, V, window="more: it", predictions=[("s", 0.4), ...]): characters, embeddings, hidden layer, logits.
"""

from figures.attention import attention_flow
from figures.counting import back_off, markov_chain
from figures.drawing import Drawing
from figures.learning import gradient_step, window_mlp

__all__ = ["Drawing", "attention_flow", "back_off", "gradient_step", "markov_chain", "window_mlp"]
