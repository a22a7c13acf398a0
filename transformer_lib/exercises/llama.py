"""Exercises of chapter 16: the parts of a LLaMA, what its cache weighs, how it is spoken to, and where it looks."""

import torch

from transformer_lib.exercises.engine import Question, exercise


def vectors_gains_and_eps(generator):
    """Vectors of zeros, small enough for eps to count, and away from mean 0; eps large enough to be seen."""
    for shape, size, eps in (((2,), 0.0, 0.25), ((1, 3), 0.5, 0.25), ((2, 4), 2.0, 0.5), ((2, 3, 5), 1.0, 0.04)):
        x = torch.from_numpy(size * (generator.normal(size=shape) + 1))
        yield x, torch.from_numpy(generator.uniform(0.5, 2, size=shape[-1])), eps


@exercise("16.rms_norm", inputs=vectors_gains_and_eps)
def rms_norm(x, weight, eps):
    """Divide by the root of (mean square + eps)."""
    return weight * x / torch.sqrt(x.square().mean(dim=-1, keepdim=True) + eps)


@rms_norm.mistake
def eps_outside_the_root(x, weight, eps):
    """Your eps is added after the root. In the formula it stands under it, beside the mean square: a root of eps is
    what a vector of zeros is divided by."""
    return weight * x / (x.square().mean(dim=-1, keepdim=True).sqrt() + eps)


@rms_norm.mistake
def eps_left_out(x, weight, eps):
    """Yours does not depend on eps. A vector of zeros is divided by 0."""
    return weight * x / x.square().mean(dim=-1, keepdim=True).sqrt()


@rms_norm.mistake
def the_mean_taken_away(x, weight, eps):
    """You take the mean away first. That is LayerNorm, but for its shift; what does RMSNorm leave out?"""
    centred = x - x.mean(dim=-1, keepdim=True)
    return weight * centred / torch.sqrt(centred.square().mean(dim=-1, keepdim=True) + eps)


@rms_norm.mistake
def the_standard_deviation(x, weight, eps):
    """You divide by the standard deviation, in which the mean has been taken away. RMSNorm never asks for the mean."""
    return weight * x / torch.sqrt(x.var(dim=-1, keepdim=True, correction=0) + eps)


@rms_norm.mistake
def the_length(x, weight, eps):
    """You divide by the length: a sum of squares under the root, where the mean stands. The wider the model, the
    smaller your features."""
    return weight * x / torch.sqrt(x.square().sum(dim=-1, keepdim=True) + eps)


@rms_norm.mistake
def all_tokens_together(x, weight, eps):
    """One size for all tokens: yours lets them see each other. Each vector is divided by its own."""
    return weight * x / torch.sqrt(x.square().mean() + eps)


@rms_norm.mistake
def no_gain(x, weight, eps):
    """Your features all have one size. Where does the learned gain come in?"""
    return x / torch.sqrt(x.square().mean(dim=-1, keepdim=True) + eps)


def widths_to_match(generator):
    """Widths that divide and that do not; LLaMA 7B is 4 x 4,096 in steps of 256."""
    yield 12, 1
    yield 16, 4
    yield 100, 8
    yield 512, 32
    yield 3072, 64
    yield 4 * 4096, 256


@exercise("16.swiglu_width", inputs=widths_to_match)
def swiglu_width(d_ff, multiple):
    """Two thirds, rounded up to a multiple."""
    return -(-2 * d_ff // (3 * multiple)) * multiple


@swiglu_width.mistake
def two_matrices(d_ff, multiple):
    """Yours is as wide as before. Count the matrices of a SwiGLU: at the old width it has half as many weights
    again."""
    return -(-d_ff // multiple) * multiple


@swiglu_width.mistake
def half_as_wide(d_ff, multiple):
    """You halve the width. That would be right if there were four matrices in place of two."""
    return -(-d_ff // (2 * multiple)) * multiple


@swiglu_width.mistake
def eight_thirds_of_the_wrong_width(d_ff, multiple):
    """You take 8/3, which is of the *model's* width: two thirds of four times it. What you are given is the four times
    already."""
    return -(-8 * d_ff // (3 * multiple)) * multiple


@swiglu_width.mistake
def one_step_too_far(d_ff, multiple):
    """Where two thirds come out even, or nearly, yours is a whole step too wide. Rounding up leaves a multiple as it
    is."""
    return (2 * d_ff // (3 * multiple) + 1) * multiple


@swiglu_width.mistake
def rounded_down(d_ff, multiple):
    """You round down, so that the network comes out smaller than the one it is compared with, where it does not come
    out even."""
    return 2 * d_ff // (3 * multiple) * multiple


@swiglu_width.mistake
def rounded_to_the_nearest(d_ff, multiple):
    """You round to the nearest multiple, which is the one below for some widths. The rule is: at least two thirds."""
    return int(2 * d_ff / (3 * multiple) + 0.5) * multiple


@swiglu_width.mistake
def not_rounded_to_the_multiple(d_ff, multiple):
    """Two thirds it is, but not a multiple of what was asked for. Processors like rows that are."""
    return -(-2 * d_ff // 3)


def heads_to_share(generator):
    """One key head for all, a key head for each, and groups of two and three."""
    for G, T, Dh, H in ((1, 2, 2, 2), (2, 1, 2, 2), (2, 3, 2, 4), (3, 2, 4, 9)):
        yield torch.from_numpy(generator.normal(size=(G, T, Dh))), H


@exercise("16.share_heads", inputs=heads_to_share)
def share_heads(key, n_heads):
    """Head 0 for the first H/G queries, then head 1."""
    return key.repeat_interleave(n_heads // len(key), dim=0)


@share_heads.mistake
def tiled(key, n_heads):
    """Yours go round: 0, 1, 2, 0, 1, 2. Neighbouring query heads share a key head: 0, 0, 0, 1, 1, 1. The shapes are
    the same, no error is raised, and every trained group asks the wrong head."""
    return key.repeat(n_heads // len(key), 1, 1)


@share_heads.mistake
def positions_repeated(key, n_heads):
    """You repeat the positions, or the features, and not the heads. Which axis counts heads?"""
    return key.repeat_interleave(n_heads // len(key), dim=1)


@share_heads.mistake
def features_repeated(key, n_heads):
    """You repeat the features, and so each key is wider than its query. Which axis counts heads?"""
    return key.repeat_interleave(n_heads // len(key), dim=2)


@share_heads.mistake
def n_heads_times_each(key, n_heads):
    """You repeat each key head as often as there are query heads. How many queries come to one key head?"""
    return key.repeat_interleave(n_heads, dim=0)


@share_heads.mistake
def the_first_for_all(key, n_heads):
    """All your queries ask the first key head. That is multi-query attention; there are more heads here."""
    return key[:1].expand(n_heads, -1, -1)


cache_bytes = Question(
    "16.cache_bytes",
    188_743_680,
    hint="What is kept for one token in one layer: of which two things, in how many heads, how wide? Then layers, "
    "tokens, and bytes a number.",
    mistakes={
        566_231_040: "You keep as many keys as there are queries. Which of the two kinds of head is kept?",
        94_371_840: "Half of it. Keys and values are both kept; or did a number of 16 bits take one byte?",
        377_487_360: "Twice too much: 16 bits are two bytes, and there are two things to keep, keys and values.",
        6_291_456: "That is one layer's. Each layer has keys and values of its own.",
        62_914_560: "You keep one head. Three query heads share one, and there are nine.",
        23_040: "That is one token's. The whole context is to be kept.",
        1_698_693_120: "You count each key head as wide as the model. It is as wide as a query head.",
    },
)


def conversations(generator):
    """One turn, a system turn before it, a longer conversation, and an empty text."""
    user = {"role": "user", "content": "What is a token?"}
    yield ([{"role": "user", "content": ""}],)
    yield ([user],)
    yield ([{"role": "system", "content": "Be brief."}, user],)
    yield ([user, {"role": "assistant", "content": "A piece of a text."}, {"role": "user", "content": "How\nlong?"}],)


def _turns(messages):
    return "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in messages)


@exercise("16.chat_prompt", inputs=conversations)
def chat_prompt(messages):
    """Every turn closed, and the assistant's next one open."""
    return _turns(messages) + "<|im_start|>assistant\n"


@chat_prompt.mistake
def nobody_to_answer(messages):
    """Your conversation ends with a closed turn. The model has first to guess who speaks next; open the assistant's
    turn for it."""
    return _turns(messages)


@chat_prompt.mistake
def the_answer_closed(messages):
    """You close the assistant's turn before it has said anything. It is the model that writes the last mark."""
    return _turns(messages) + "<|im_start|>assistant\n<|im_end|>\n"


@chat_prompt.mistake
def no_line_end_after_assistant(messages):
    """The opened turn lacks what stands after every role: a line end. The model would have to write it itself."""
    return _turns(messages) + "<|im_start|>assistant"


@chat_prompt.mistake
def no_line_end_after_a_turn(messages):
    """Your turns follow each other on one line. After each <|im_end|> the model was shown a line end."""
    return _turns(messages).replace("<|im_end|>\n", "<|im_end|>") + "<|im_start|>assistant\n"


@chat_prompt.mistake
def a_line_end_before_the_mark(messages):
    """You end the line before you end the turn. The mark stands right after the last letter, and the line end after
    the mark."""
    return _turns(messages).replace("<|im_end|>", "\n<|im_end|>") + "<|im_start|>assistant\n"


@chat_prompt.mistake
def colons_after_roles(messages):
    """You put a colon after the role, as people do. The model was tuned on a line end there, and on nothing else."""
    turns = "".join(f"<|im_start|>{turn['role']}: {turn['content']}<|im_end|>\n" for turn in messages)
    return turns + "<|im_start|>assistant: "


@chat_prompt.mistake
def all_from_the_user(messages):
    """All your turns are the user's. Each message says whose it is."""
    return _turns([{**turn, "role": "user"} for turn in messages]) + "<|im_start|>assistant\n"


@chat_prompt.mistake
def the_last_turn_alone(messages):
    """You write the last message only. The model keeps nothing between two calls: what was said before has to stand
    before it again."""
    return _turns(messages[-1:]) + "<|im_start|>assistant\n"


def permuted_rows(generator):
    """Rows in llama.cpp's order: heads of 2 (which stay as they are), 6 and 8 features."""
    for n_heads, d_head, D in ((2, 2, 2), (1, 6, 2), (2, 6, 3), (3, 8, 2)):
        yield torch.from_numpy(generator.permutation(n_heads * d_head * D)).view(n_heads * d_head, D), n_heads


@exercise("16.unpermute", inputs=permuted_rows)
def unpermute(weight, n_heads):
    """Within each head: the even rows first, then the odd ones."""
    return weight.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(end_dim=2)


@unpermute.mistake
def permuted_again(weight, n_heads):
    """You did what llama.cpp does, a second time, where it was to be undone. Row 1 of a head should come from row 2:
    in the file the two of a pair are neighbours."""
    return weight.unflatten(0, (n_heads, 2, -1)).transpose(1, 2).flatten(end_dim=2)


@unpermute.mistake
def across_the_heads(weight, n_heads):
    """You reorder all rows together, so that they leave their heads. Each head has its own pairs."""
    return torch.cat((weight[::2], weight[1::2]))


@unpermute.mistake
def odd_rows_first(weight, n_heads):
    """Your halves have changed places: the first of each pair belongs to the first half."""
    heads = weight.unflatten(0, (n_heads, -1))
    return torch.cat((heads[:, 1::2], heads[:, ::2]), dim=1).flatten(end_dim=1)


@unpermute.mistake
def viewed_and_not_moved(weight, n_heads):
    """Nothing has moved in yours. A reshape back and forth changes no order; the two axes have to be swapped in
    between."""
    return weight.clone()


def weights_of_all_layers(generator):
    """Causal weights of 1 to 3 layers and heads on 2 to 5 tokens."""
    for L, H, T in ((1, 1, 2), (1, 2, 3), (2, 1, 4), (3, 2, 5)):
        scores = torch.from_numpy(generator.normal(size=(L, H, T, T)))
        future = torch.ones_like(scores, dtype=torch.bool).triu(1)
        yield (scores.masked_fill(future, -torch.inf).softmax(dim=-1),)


@exercise("16.sink_share", inputs=weights_of_all_layers)
def sink_share(weights):
    """Column 0, without the query that has nowhere else to look."""
    return weights[:, :, 1:, 0].mean(dim=-1)


@sink_share.mistake
def a_query_without_a_choice(weights):
    """You count the first token's own query. It sees nothing but itself, so it gives itself a weight of 1 in every
    head."""
    return weights[..., 0].mean(dim=-1)


@sink_share.mistake
def the_first_query(weights):
    """That is what the first token gives. Asked is what it gets: queries are the third axis, keys the last."""
    return weights[:, :, 0, 1:].mean(dim=-1)


@sink_share.mistake
def summed(weights):
    """You add where you should average: the longer the text, the larger your number, past 1."""
    return weights[:, :, 1:, 0].sum(dim=-1)


@sink_share.mistake
def itself(weights):
    """That is the weight each token gives itself. The first token is the first column, not the diagonal."""
    return weights.diagonal(dim1=-2, dim2=-1)[..., 1:].mean(dim=-1)


@sink_share.mistake
def one_number_for_all(weights):
    """You average over layers and heads as well, and then nobody can say which heads do it. One number for each head
    of each layer is asked."""
    return weights[:, :, 1:, 0].mean()
