"""The book's drawings: `from figures import attention_flow`, and the call as the last line of a folded cell.

Every drawing takes real data or real sizes and returns an SVG that the page shows in its own colors. The cell's
metadata give it a caption and a name, `mystnb: {figure: {name, caption}}`; it describes itself to a screen reader, and
`mystnb.image.alt` says it better where the page knows more.

attention_flow(T, S, D, Dh, weights=weights, marked=(row, "it")): x and m, W_Q, W_K, W_V, scores, weights, output.
attention_table(weights, ["I", "am"], ["我", "是"]): attention weights in percent, rows and columns named.
back_off("brew ta", counts, following): a context that was never seen, and the shorter one that was.
block_tables({"A": "To be, o", "B": "To be, I"}, {"A": [3, 0], "B": [3, 5]}, 4, 8): texts in blocks, and their tables.
data_parallel([1, 2, 4], batch): one training step on each number of processes.
decoding_steps(source, target, p): what a decoder reads and writes at each step.
drawers("CFHBADGE", asked=[2, 5], {"one head": (weights, "HH")}): what one and two heads find in a row of drawers.
encoder_decoder_bert_gpt(): the three as one drawing with parts missing.
gpt_beside_llama(): a block of each, what changed is framed.
gpt_model(n_layers): a whole GPT, with the stream, the two tables and the tied head.
gradient_step(labels, before, target, after, row="q", rate=1.0): probabilities − target, and what one step changes.
head_reshape(T, H, Dh): view and transpose, place by place, and the mistake without the transpose.
kv_cache(steps): the scores computed at each step, without a cache and with one.
low_rank(T, D, r): LoRA, the frozen W beside A and B.
markov_chain(words, P): words as nodes, probabilities as arrows, dead ends.
mask_panels({"causal": mask}, words, {"causal": works}): who may look at whom, and what a probe found.
multi_head(T, D, H, weights=weights): split, attend, join, W_O.
my_loss_is(): from what the loss does to the test that names the cause.
next_token_triangle(["t", "o", "␣", "b"]): what each position reads and must predict.
pipeline_bubble(4, [1, 4]): when each stage of a pipeline works, and when it waits.
pre_and_post_norm(): the block with its stream, both kinds side by side.
probability_bars(labels, p, {"top-k 5": kept, "top-p 0.9": kept}): one distribution, and what each rule keeps of it.
roofline(peak, bandwidth, {"a prompt": [(0.5, 7, "1"), (60, 80, "256")]}): what memory and arithmetic allow.
ring_all_reduce(4): what each rank has after each step of a ring.
rope_plane(query, key, [(5, 2), (9, 6)], theta): a query and a key turned by their positions.
softmax_bars({"4 components": weights, "512 components": weights}): the weights of the same number of keys, as bars.
text_to_vectors(pieces, ids, vectors, V): text, pieces, ids, rows of the embedding table, x.
three_ways_of_judging(): a reward model, pairs alone, a program: what is done once, and what again and again.
three_ways_to_read(8): how the last position learns of the first, by recurrence, convolution, and attention.
timeline([(1913, "Markov", "a chain of letters"), ...]): events, each tied to its year on an even axis.
token_rows({"GPT-2": ["st", "raw", "berry"]}, {"GPT-2": [301, 1831, 8396]}): texts cut into tokens, with or without ids.
transformer_2017(n_layers): the whole model with residual connections and norms.
two_typefaces(text, seen): a text in two typefaces, by one boolean for each character.
what_ranks_hold(n_layers=4, batch=8): data parallel, fully sharded, tensor parallel, pipeline, on two ranks.
window_mlp(n, D, F, V, window="more: it", predictions=[("s", 0.4), ...]): characters, embeddings, hidden layer, logits.
words_attention(words, weights, query): what one word attends to in a sentence, or in several lines.
"""

from figures.attention import attention_flow, attention_table, softmax_bars, words_attention
from figures.clinic import my_loss_is
from figures.counting import back_off, markov_chain
from figures.drawing import Drawing
from figures.heads import drawers, head_reshape, multi_head
from figures.history import three_ways_to_read, timeline
from figures.learning import gradient_step, window_mlp
from figures.masks import mask_panels, next_token_triangle
from figures.models import encoder_decoder_bert_gpt, gpt_beside_llama, gpt_model, pre_and_post_norm, transformer_2017
from figures.parallel import pipeline_bubble, ring_all_reduce, what_ranks_hold
from figures.positions import rope_plane
from figures.practice import data_parallel, kv_cache, low_rank, roofline
from figures.preferences import three_ways_of_judging
from figures.sampling import probability_bars
from figures.serving import block_tables
from figures.text import decoding_steps, text_to_vectors, token_rows, two_typefaces

__all__ = [
    "Drawing",
    "attention_flow",
    "attention_table",
    "back_off",
    "block_tables",
    "data_parallel",
    "decoding_steps",
    "drawers",
    "encoder_decoder_bert_gpt",
    "gpt_beside_llama",
    "gpt_model",
    "gradient_step",
    "head_reshape",
    "kv_cache",
    "low_rank",
    "markov_chain",
    "mask_panels",
    "multi_head",
    "my_loss_is",
    "next_token_triangle",
    "pipeline_bubble",
    "pre_and_post_norm",
    "probability_bars",
    "ring_all_reduce",
    "roofline",
    "rope_plane",
    "softmax_bars",
    "text_to_vectors",
    "three_ways_of_judging",
    "three_ways_to_read",
    "timeline",
    "token_rows",
    "transformer_2017",
    "two_typefaces",
    "what_ranks_hold",
    "window_mlp",
    "words_attention",
]
