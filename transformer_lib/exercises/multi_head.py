"""Exercises of chapter 09: several heads."""

import torch

from transformer_lib.exercises.engine import Question, exercise


def projected_tokens(generator):
    """Queries of one token and of many, for one head and for several; no two numbers are equal."""
    for B, T, D, n_heads in ((1, 1, 2, 2), (1, 3, 4, 2), (1, 4, 6, 1), (2, 3, 12, 3), (2, 5, 16, 4)):
        yield torch.arange(B * T * D, dtype=torch.float64).view(B, T, D) + generator.uniform(), n_heads


@exercise("09.split_heads", inputs=projected_tokens)
def split_heads(x, n_heads):
    """(B, T, D) to (B, H, T, Dh)."""
    B, T, D = x.shape
    return x.view(B, T, n_heads, D // n_heads).transpose(1, 2)


@split_heads.mistake
def cut_without_a_transpose(x, n_heads):
    """The shape is right and the numbers are in the wrong places: a view fills its axes in the order of memory, and
    there all features of token 0 come before any of token 1. Which axis can be cut in two without mixing tokens?"""
    B, T, D = x.shape
    return x.reshape(B, n_heads, T, D // n_heads)


@split_heads.mistake
def heads_left_behind_the_tokens(x, n_heads):
    """Yours is cut rightly, and the axes stand as (B, T, H, Dh). Attention multiplies over the last two axes, so here
    it would let the heads of one token attend to each other. Which two axes should be last?"""
    B, T, D = x.shape
    return x.reshape(B, T, n_heads, D // n_heads)


@split_heads.mistake
def every_nth_feature_to_one_head(x, n_heads):
    """Your heads take the features in turn, like cards dealt round a table. Each head owns a run of neighbours: in
    what order do the two new axes follow from the cut of D?"""
    B, T, D = x.shape
    return x.reshape(B, T, D // n_heads, n_heads).permute(0, 3, 1, 2)


@split_heads.mistake
def heads_before_the_batch(x, n_heads):
    """You return (H, B, T, Dh). The convention is batch first: the heads are a second kind of batch, and stand after
    it."""
    B, T, D = x.shape
    return x.reshape(B, T, n_heads, D // n_heads).permute(2, 0, 1, 3)


def heads_and_their_matrix(generator):
    """One head and several, one token and more; W_o is never symmetric once it is larger than 1 by 1."""
    for n_heads, T, d_head in ((1, 1, 2), (2, 1, 1), (2, 3, 2), (3, 4, 2), (4, 5, 4)):
        D = n_heads * d_head
        yield (
            torch.from_numpy(generator.normal(size=(n_heads, T, d_head))),
            torch.from_numpy(generator.normal(size=(D, D))),
        )


@exercise("09.head_writes", inputs=heads_and_their_matrix)
def head_writes(heads, w_o):
    """(H, T, Dh) and (D, D) to (H, T, D)."""
    return torch.einsum("htd,ohd->hto", heads, w_o.unflatten(1, (len(heads), -1)))


@head_writes.mistake
def rows_taken_in_place_of_columns(heads, w_o):
    """The slice comes from the wrong side of W_o. nn.Linear keeps its weight as (out, in): the outputs are the rows.
    Is a head's result an input of W_o, or an output?"""
    return heads @ w_o.unflatten(0, (len(heads), -1))


@head_writes.mistake
def every_nth_column_to_one_head(heads, w_o):
    """You deal the columns of W_o round the heads, one to each in turn. Joined heads stand one behind another: which
    features of the joined vector are the first head's?"""
    return torch.einsum("htd,odh->hto", heads, w_o.unflatten(1, (-1, len(heads))))


@head_writes.mistake
def already_summed(heads, w_o):
    """That is the whole output of the layer, all heads added up. Asked is what each of them adds, before the sum: what
    shape has that?"""
    return head_writes(heads, w_o).sum(dim=0)


@head_writes.mistake
def divided_by_the_heads(heads, w_o):
    """You take a mean over the heads. Their writes are added; nothing divides them. Compare the sum of yours with the
    layer's output."""
    return head_writes(heads, w_o) / len(heads) if len(heads) > 1 else head_writes(heads, w_o) * 1.0


def causal_weights(generator):
    """Weights of one head and of several: rows sum to 1, and nothing stands above the diagonal."""
    for n_heads, T in ((1, 2), (1, 3), (2, 4), (4, 9)):
        scores = torch.from_numpy(generator.normal(size=(n_heads, T, T)))
        future = torch.ones(T, T, dtype=torch.bool).triu(1)
        yield (scores.masked_fill(future, -torch.inf).softmax(dim=-1),)


@exercise("09.previous_token_score", inputs=causal_weights)
def previous_token_score(weights):
    """The mean of the diagonal below the main one, over its own length, for each head."""
    return weights.diagonal(-1, dim1=-2, dim2=-1).mean(dim=-1)


@previous_token_score.mistake
def the_tokens_themselves(weights):
    """That is how much each token attends to itself. A row is a query, and a column a key: at which column does row i
    find the token before it?"""
    return weights.diagonal(0, dim1=-2, dim2=-1).mean(dim=-1)


@previous_token_score.mistake
def the_token_after(weights):
    """Yours are all zero: you look one column to the right, where the mask hides everything. Rows are queries and
    columns are keys."""
    return weights.diagonal(1, dim1=-2, dim2=-1).mean(dim=-1)


@previous_token_score.mistake
def the_first_token_counted_too(weights):
    """You divide by all T queries. The first of them has no token before it and could not score, so a head that
    always looks one back would get less than 1 from you."""
    return weights.diagonal(-1, dim1=-2, dim2=-1).sum(dim=-1) / weights.shape[-1]


@previous_token_score.mistake
def summed_over_the_queries(weights):
    """Yours grows with the length of the text. A score that compares heads is a mean over the queries."""
    return weights.diagonal(-1, dim1=-2, dim2=-1).sum(dim=-1)


@previous_token_score.mistake
def one_number_for_all_heads(weights):
    """You average over the heads as well, and then nobody can say which of them looks back. One number for each head
    is asked."""
    return weights.diagonal(-1, dim1=-2, dim2=-1).mean()


four_heads = Question(
    "09.four_heads",
    65_536,
    hint="There are four matrices. How many rows and columns has each, and does either number know about heads?",
    mistakes={
        16_384: "That is one of the matrices. Queries, keys, values and the output have one each.",
        49_152: "Those are the maps to queries, keys and values. What comes after the heads have been joined?",
        262_144: "You gave each head matrices of full width. A head's queries are a quarter as wide as the layer: how "
        "large is its part of a matrix?",
        66_048: "Those are the weights and the biases. The layer in question has no bias.",
        28_672: "You made every head's maps slices, from 32 features to 32. Each head reads the whole vector.",
    },
)

two_shared = Question(
    "09.two_shared",
    40_960,
    hint="Queries and output are as ever. How wide are all the keys of a token together, when there are two heads of "
    "them and each is as wide as a query head?",
    mistakes={
        65_536: "That is the layer with as many key heads as query heads. Two of the four maps have become narrower.",
        49_152: "You let the keys and values together fill half a layer each. How wide is one head, with eight query "
        "heads? And two of those?",
        36_864: "One of the two, keys or values, is missing, or both share one map. They are two different maps.",
        24_576: "The output map or the queries' is missing: those two keep their full width.",
        16_384: "You shrank all four maps. There are still eight query heads, and the output joins all of them.",
    },
)
