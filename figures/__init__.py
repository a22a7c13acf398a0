"""The book's drawings: `from figures import attention_flow`, and the call as the last line of a folded cell.

Every drawing takes real data or real sizes and returns an SVG that the page shows in its own colors. The cell's
metadata give it a caption and a name, `mystnb: {figure: {name, caption}}`; it describes itself to a screen reader, and
`mystnb.image.alt` says it better where the page knows more.

attention_flow(T, S, D, Dh, weights=weights, marked=(row, "it")): x and m, W_Q, W_K, W_V, scores, weights, output.
"""

from figures.attention import attention_flow
from figures.drawing import Drawing

__all__ = ["Drawing", "attention_flow"]
