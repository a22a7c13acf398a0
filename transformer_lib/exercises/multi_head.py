"""Exercises of chapter 09: several heads."""

import math

import torch

from transformer_lib.exercises.engine import Question, exercise


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
def cut_in_the_order_of_memory(heads, w_o):
    """Your slices have the right shape and the wrong numbers: you cut the rows of W_o, because rows come first in
    memory, and let each piece pass for columns. Along which axis of an (out, in) matrix do the heads lie?"""
    return heads @ w_o.reshape(len(heads), len(w_o), -1).mT


@head_writes.mistake
def every_nth_column_to_one_head(heads, w_o):
    """You deal the columns of W_o out to the heads, one to each in turn. Joined heads stand one behind the other:
    which features of the joined vector belong to the first head?"""
    return torch.einsum("htd,odh->hto", heads, w_o.unflatten(1, (-1, len(heads))))


@head_writes.mistake
def already_summed(heads, w_o):
    """You return the whole output of the layer, with all heads added up. The question is what each of them adds,
    before the sum: which shape does that have?"""
    return head_writes(heads, w_o).sum(dim=0)


@head_writes.mistake
def divided_by_the_heads(heads, w_o):
    """You take a mean over the heads. What they write is added, and nothing divides it. Compare your sum over the
    heads with the layer's output."""
    return head_writes(heads, w_o) / len(heads) if len(heads) > 1 else head_writes(heads, w_o) * 1.0


@head_writes.mistake
def rows_of_the_whole_output(heads, w_o):
    """You cut the layer's *output* into slices and give one to each head. But each slice of the output holds something
    of every head, and each head writes into all of it. Which part of W_o reads a head's result?"""
    output = heads.transpose(0, 1).flatten(1) @ w_o.T
    own = torch.eye(len(heads), dtype=output.dtype).repeat_interleave(heads.shape[-1], dim=1)
    return output * own[:, None, :]


@head_writes.mistake
def only_into_the_own_slice(heads, w_o):
    """Each of your heads writes into its own slice of the output alone. After the join come all rows of W_o: a head may
    write into every feature."""
    own = torch.eye(len(heads), dtype=w_o.dtype).repeat_interleave(heads.shape[-1], dim=1)
    return head_writes(heads, w_o) * own[:, None, :]


@head_writes.mistake
def what_the_others_write(heads, w_o):
    """You return for each head what all the *others* write. Which part of W_o should be set to 0, and which kept?"""
    return head_writes(heads, w_o).sum(dim=0) - head_writes(heads, w_o)


@head_writes.mistake
def not_mapped(heads, w_o):
    """You put each head's result into its place in the joined vector, and W_o never acts on it. What a head adds to the
    output comes after that map."""
    H, T, width = heads.shape
    joined = torch.zeros(H, T, H, width, dtype=heads.dtype)
    joined[torch.arange(H), :, torch.arange(H)] = heads
    return joined.flatten(2)


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
    """You measure how much each token attends to itself. A row is a query and a column is a key: in which column does
    row i find the token before it?"""
    return weights.diagonal(0, dim1=-2, dim2=-1).mean(dim=-1)


@previous_token_score.mistake
def the_token_after(weights):
    """Your scores are all zero, because you look one column to the right, where the mask hides everything. Rows are
    queries and columns are keys."""
    return weights.diagonal(1, dim1=-2, dim2=-1).mean(dim=-1)


@previous_token_score.mistake
def the_first_token_counted_too(weights):
    """You divide by all T queries. The first of them has no token before it, so a head that always looks one back
    would score less than 1."""
    return weights.diagonal(-1, dim1=-2, dim2=-1).sum(dim=-1) / weights.shape[-1]


@previous_token_score.mistake
def summed_over_the_queries(weights):
    """Your score grows with the length of the text. To compare heads, take a mean over the queries."""
    return weights.diagonal(-1, dim1=-2, dim2=-1).sum(dim=-1)


@previous_token_score.mistake
def one_number_for_all_heads(weights):
    """You average over the heads as well, and so lose which of them looks back. The question asks for one number for
    each head."""
    return weights.diagonal(-1, dim1=-2, dim2=-1).mean()


@previous_token_score.mistake
def the_axes_left_to_the_default(weights):
    """Your diagonal runs over the wrong axes: `diagonal` takes the first two unless you say otherwise, and here they
    are heads and queries. Which two of (H, T, T) are queries and keys?"""
    return weights.diagonal(-1).mean(dim=-1)


@previous_token_score.mistake
def the_first_token_of_all(weights):
    """You measure how much attention the very first token receives. The token just before is a different one for every
    query."""
    return weights[:, 1:, 0].mean(dim=-1)


@previous_token_score.mistake
def the_tokens_themselves_from_the_second_on(weights):
    """You measure how much each token but the first attends to itself. A row is a query and a column is a key: in which
    column does row i find the token before it?"""
    return weights.diagonal(0, dim1=-2, dim2=-1)[:, 1:].mean(dim=-1)


@previous_token_score.mistake
def all_earlier_tokens(weights):
    """You add up the weight on *all* earlier tokens. The token just before is one of them."""
    return weights.tril(-1)[:, 1:].sum(dim=-1).mean(dim=-1)


@previous_token_score.mistake
def how_often_it_is_the_largest(weights):
    """You count how often the token before gets the largest weight. The exercise asks for the weight itself, on
    average."""
    largest = weights[:, 1:].argmax(dim=-1) == torch.arange(weights.shape[-1] - 1)
    return largest.double().mean(dim=-1)


@previous_token_score.mistake
def two_places_back(weights):
    """You look two places back. The token just before that of row i is in column i − 1."""
    return weights.diagonal(-2, dim1=-2, dim2=-1).mean(dim=-1)


@previous_token_score.mistake
def the_last_query_alone(weights):
    """You look at the last query alone. Every query but the first has a token before it."""
    return weights[:, -1, -2]


@previous_token_score.mistake
def the_largest_of_all(weights):
    """You take the largest weight that a query gives to the token before it. The exercise asks for the mean over the
    queries."""
    return weights.diagonal(-1, dim1=-2, dim2=-1).amax(dim=-1)


def four_matrices(generator):
    """One head left of two, and a first, middle and last head of several; no matrix is symmetric."""
    for n_heads, d_head, head in ((2, 1, 0), (2, 2, 1), (3, 2, 1), (4, 3, 0), (4, 2, 3), (4, 2, 2), (5, 2, 1)):
        D = n_heads * d_head
        yield *(torch.from_numpy(generator.normal(size=(D, D))) for _ in range(4)), n_heads, head


def _rows_without(w, n_heads, head):
    """A matrix without the rows of one head."""
    parts = w.unflatten(0, (n_heads, -1))
    return torch.cat([parts[:head], parts[head + 1 :]]).flatten(0, 1)


@exercise("09.remove_head", inputs=four_matrices)
def remove_head(w_q, w_k, w_v, w_o, n_heads, head):
    """Rows of the three that make heads, columns of the one that reads them."""
    three = [_rows_without(w, n_heads, head) for w in (w_q, w_k, w_v)]
    return *three, _rows_without(w_o.T, n_heads, head).T


@remove_head.mistake
def rows_of_all_four(w_q, w_k, w_v, w_o, n_heads, head):
    """The first three are right. You cut rows from w_o, too, but its rows are the features of the layer's output,
    which stays as wide as it was. Does w_o produce a head's result, or does it read it?"""
    return tuple(_rows_without(w, n_heads, head) for w in (w_q, w_k, w_v, w_o))


@remove_head.mistake
def columns_of_all_four(w_q, w_k, w_v, w_o, n_heads, head):
    """The last one is right. From the other three you cut columns, and a column is an *input* feature: the heads that
    stay still read all of x. Where in an (out, in) matrix are a head's queries?"""
    return tuple(_rows_without(w.T, n_heads, head).T for w in (w_q, w_k, w_v, w_o))


@remove_head.mistake
def rows_and_columns_interchanged(w_q, w_k, w_v, w_o, n_heads, head):
    """You read the matrices as (in, out). nn.Linear keeps its weight as (out, in), and multiplies with its
    transpose: which axis are the outputs then?"""
    return *(_rows_without(w.T, n_heads, head).T for w in (w_q, w_k, w_v)), _rows_without(w_o, n_heads, head)


@remove_head.mistake
def only_silenced(w_q, w_k, w_v, w_o, n_heads, head):
    """With your matrices the head writes nothing any more, but all of it is still there and still computed. The task
    is to return smaller matrices."""
    silent = w_o.unflatten(1, (n_heads, -1)).clone()
    silent[:, head] = 0
    return w_q, w_k, w_v, silent.flatten(1)


@remove_head.mistake
def counted_from_one(w_q, w_k, w_v, w_o, n_heads, head):
    """You removed the head before the one that was meant. Heads are counted from 0."""
    return remove_head(w_q, w_k, w_v, w_o, n_heads, (head - 1) % n_heads)


@remove_head.mistake(which={"first": 0, "last": -1})
def always_the_same_head(w_q, w_k, w_v, w_o, n_heads, head, *, which):
    """You remove the {which} head, whichever `head` names. Where does the run of features of head `head` begin?"""
    return remove_head(w_q, w_k, w_v, w_o, n_heads, which % n_heads)


@remove_head.mistake(enlarged={"w_v": [2], "w_o": [3], "all four": [0, 1, 2, 3]})
def made_up_for(w_q, w_k, w_v, w_o, n_heads, head, *, enlarged):
    """The right slices are left, and you enlarge {enlarged}, as if the heads that stay had to make up for the one that
    is gone. The layer adds what its heads contribute: what does silencing one of them do to the others?"""
    new = remove_head(w_q, w_k, w_v, w_o, n_heads, head)
    return tuple(w * n_heads / (n_heads - 1) if i in enlarged else w for i, w in enumerate(new))


@remove_head.mistake
def every_nth_feature_removed(w_q, w_k, w_v, w_o, n_heads, head):
    """You removed every n-th feature, as if features were dealt out to the heads in turn. The features of a head stand
    next to one another."""
    kept = [i for i in range(len(w_q)) if i % n_heads != head]
    return w_q[kept], w_k[kept], w_v[kept], w_o[:, kept]


@remove_head.mistake
def the_values_forgotten(w_q, w_k, w_v, w_o, n_heads, head):
    """Your w_v is as large as before. Its values have no weights any more by which they could be averaged."""
    new = remove_head(w_q, w_k, w_v, w_o, n_heads, head)
    return new[0], new[1], w_v, new[3]


@remove_head.mistake
def the_output_left_whole(w_q, w_k, w_v, w_o, n_heads, head):
    """Your first three matrices are right, and w_o is as large as before. It still expects what the removed head found:
    which part of it read that?"""
    return *remove_head(w_q, w_k, w_v, w_o, n_heads, head)[:3], w_o


@remove_head.mistake
def all_the_others_removed(w_q, w_k, w_v, w_o, n_heads, head):
    """You kept the one head and removed the others. Which of the two slices should be left?"""
    parts = [w.unflatten(0, (n_heads, -1))[head] for w in (w_q, w_k, w_v, w_o.T)]
    return *parts[:3], parts[3].T


@remove_head.mistake
def one_feature_for_a_head(w_q, w_k, w_v, w_o, n_heads, head):
    """You removed a single feature. A head is wider than that, unless there are as many heads as features: how wide is
    it, and where does its run of features begin?"""
    kept = [i for i in range(len(w_q)) if i != head]
    return w_q[kept], w_k[kept], w_v[kept], w_o[:, kept]


@remove_head.mistake
def counted_from_one_and_no_head_for_zero(w_q, w_k, w_v, w_o, n_heads, head):
    """You removed the head before the one that was meant, and none where `head` is 0. Heads are counted from 0."""
    return remove_head(w_q, w_k, w_v, w_o, n_heads, head - 1) if head else (w_q, w_k, w_v, w_o)


@remove_head.mistake
def the_number_of_heads_for_their_width(w_q, w_k, w_v, w_o, n_heads, head):
    """You take `n_heads` for the width of one head. How many features has a head, if `n_heads` of them share the width
    of the layer?"""
    kept = [i for i in range(len(w_q)) if not head * n_heads <= i < (head + 1) * n_heads]
    return w_q[kept], w_k[kept], w_v[kept], w_o[:, kept]


@remove_head.mistake(what={"its rows of the first three": 1, "its rows of the first three, and its columns of w_o": 2})
def filled_with_zeros(w_q, w_k, w_v, w_o, n_heads, head, *, what):
    """You set {what} to 0. The head is silent then, but all of it is still there and still computed. The task is to
    return smaller matrices."""
    three = [w.unflatten(0, (n_heads, -1)).clone() for w in (w_q, w_k, w_v)]
    for w in three:
        w[head] = 0
    silent = w_o.unflatten(1, (n_heads, -1)).clone()
    silent[:, head] = 0
    return *(w.flatten(0, 1) for w in three), silent.flatten(1) if what == 2 else w_o


@remove_head.mistake(matrix={"w_q": 0, "w_k": 1})
def one_matrix_forgotten(w_q, w_k, w_v, w_o, n_heads, head, *, matrix):
    """Your {matrix} is as large as before, and what it makes of a token no longer fits what the others make. Which part
    of it belonged to the removed head?"""
    new = list(remove_head(w_q, w_k, w_v, w_o, n_heads, head))
    new[matrix] = (w_q, w_k)[matrix]
    return tuple(new)


@remove_head.mistake
def the_slice_alone(w_q, w_k, w_v, w_o, n_heads, head):
    """You cut the head out of the three maps and silenced it in w_o, whose size is as before. Its columns have nothing
    left to read: what becomes of them?"""
    silent = w_o.unflatten(1, (n_heads, -1)).clone()
    silent[:, head] = 0
    return *remove_head(w_q, w_k, w_v, w_o, n_heads, head)[:3], silent.flatten(1)


def packed_layers(generator):
    """Masks in PyTorch's sense: none hidden, the future hidden, and another; one head and several, never T = H."""
    for B, T, D, n_heads, mask in ((1, 2, 2, 1, "none"), (1, 3, 4, 2, "future"), (2, 4, 6, 3, "future"),
                                   (2, 5, 8, 4, "other"), (1, 4, 8, 2, "other")):  # fmt: skip
        blocked = torch.zeros(T, T, dtype=torch.bool)
        if mask == "future":
            blocked = torch.ones(T, T, dtype=torch.bool).triu(1)
        elif mask == "other":
            blocked = torch.from_numpy(generator.uniform(size=(T, T)) < 0.5).fill_diagonal_(False)
        shapes = (B, T, D), (3 * D, D), (3 * D,), (D, D), (D,)
        yield *(torch.from_numpy(generator.normal(size=shape)) for shape in shapes), n_heads, blocked


def _layer(x, w_in, b_in, w_out, b_out, n_heads, blocked, *, order=(0, 1, 2), cut=None, width=None, join=None):
    """The layer with one of its parts replaced."""
    cut = cut or (lambda part: part.unflatten(-1, (n_heads, -1)).transpose(1, 2))
    join = join or (lambda heads: heads.transpose(1, 2).flatten(2))
    parts = (x @ w_in.T + b_in).chunk(3, dim=-1)
    q, k, v = (cut(parts[i]) for i in order)
    scores = q @ k.mT / math.sqrt(width or q.shape[-1])
    weights = scores.masked_fill(blocked, -math.inf).softmax(dim=-1)
    return join(weights @ v) @ w_out.T + b_out


@exercise(
    "09.like_pytorch",
    inputs=packed_layers,
    rtol=1e-6,
    forbidden=["torch.nn.functional.multi_head_attention_forward"],
    hint="Compare step by step with the class of the chapter: three maps from one packed weight, the cut into heads, "
    "scores, mask, softmax, join, output map. Which of these steps does PyTorch's convention change?",
)
def like_pytorch(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """What nn.MultiheadAttention(D, n_heads, batch_first=True) returns for x, x, x with attn_mask=blocked."""
    return _layer(x, w_in, b_in, w_out, b_out, n_heads, blocked)


@like_pytorch.mistake
def blocked_read_as_allowed(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """Your mask means the opposite. In this book True allows a query to see a key. What does True say in PyTorch's
    `attn_mask`?"""
    out = _layer(x, w_in, b_in, w_out, b_out, n_heads, ~blocked)
    return out.nan_to_num() + 0.0


@like_pytorch.mistake
def the_mask_forgotten(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You let every query see every key. Where does the mask have to act, so that the weights still sum to 1?"""
    seen = torch.zeros_like(blocked)
    return _layer(x, w_in, b_in, w_out, b_out, n_heads, seen)


@like_pytorch.mistake
def masked_after_the_softmax(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You set weights to zero after the softmax, so your rows no longer sum to 1. Chapter 8 says where a mask acts."""
    q, k, v = (part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in (x @ w_in.T + b_in).chunk(3, dim=-1))
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(dim=-1).masked_fill(blocked, 0)
    return (weights @ v).transpose(1, 2).flatten(2) @ w_out.T + b_out


@like_pytorch.mistake
def scaled_by_the_whole_width(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You divide by the root of the width of the layer. How many components does one dot product run over?"""
    width = x.shape[-1]
    return _layer(x, w_in, b_in, w_out, b_out, n_heads, blocked, width=width)


@like_pytorch.mistake
def not_scaled(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """Your scores are not divided. Chapter 7 says by what, and why."""
    return _layer(x, w_in, b_in, w_out, b_out, n_heads, blocked, width=1)


@like_pytorch.mistake
def heads_cut_without_a_transpose(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """Your heads divide the *tokens* among them: a view straight to (B, H, T, Dh) fills its axes in the order of
    memory. Which axis has to be cut first?"""
    return _layer(
        x, w_in, b_in, w_out, b_out, n_heads, blocked,
        cut=lambda part: part.reshape(len(x), n_heads, x.shape[1], -1), join=lambda heads: heads.reshape(x.shape),
    )  # fmt: skip


@like_pytorch.mistake
def features_dealt_out_in_turn(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """Your heads take the features in turn, like cards dealt around a table. Each head owns a run of neighbors: in
    which order do the two new axes follow from the cut of D?"""
    return _layer(
        x, w_in, b_in, w_out, b_out, n_heads, blocked,
        cut=lambda part: part.unflatten(-1, (-1, n_heads)).permute(0, 3, 1, 2),
    )  # fmt: skip


@like_pytorch.mistake
def exchanged_before_the_cut(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You exchanged positions and features before you cut the features. First cut the axis of the features in two,
    then move the new axis of the heads."""
    return _layer(
        x, w_in, b_in, w_out, b_out, n_heads, blocked,
        cut=lambda part: part.transpose(1, 2).reshape(len(x), n_heads, x.shape[1], -1),
    )  # fmt: skip


@like_pytorch.mistake
def joined_without_a_transpose(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You cut the heads correctly and joined them in the order (B, H, T, Dh). For one token, which numbers should stand
    side by side?"""
    return _layer(
        x, w_in, b_in, w_out, b_out, n_heads, blocked,
        join=lambda heads: heads.reshape(x.shape),
    )  # fmt: skip


@like_pytorch.mistake
def keys_before_queries(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You took the packed weight in a different order. It holds the rows of the queries first: what comes after
    them?"""
    return _layer(x, w_in, b_in, w_out, b_out, n_heads, blocked, order=(1, 0, 2))


@like_pytorch.mistake
def values_before_keys(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """Your queries are right, but you took the values' rows for the keys', and the other way round."""
    return _layer(x, w_in, b_in, w_out, b_out, n_heads, blocked, order=(0, 2, 1))


@like_pytorch.mistake
def the_output_map_not_transposed(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """Everything is right up to the output map, which you multiplied as if it were (in, out). Weights of nn.Linear are
    (out, in)."""
    return _layer(x, w_in, b_in, w_out.T, b_out, n_heads, blocked)


@like_pytorch.mistake
def the_output_map_left_out(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You return the joined heads. What comes after them?"""
    nothing = torch.eye(x.shape[-1], dtype=x.dtype), torch.zeros_like(b_out)
    return _layer(x, w_in, b_in, *nothing, n_heads, blocked)


@like_pytorch.mistake
def packed_head_by_head(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You cut the packed product into heads first and each head into three. Its rows belong to all queries, then all
    keys, then all values: which cut comes first?"""
    heads = (x @ w_in.T + b_in).unflatten(-1, (n_heads, -1)).transpose(1, 2)
    q, k, v = heads.chunk(3, dim=-1)
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(blocked, -math.inf)
    return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2) @ w_out.T + b_out


@like_pytorch.mistake
def softmax_over_the_queries(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """Your weights sum to 1 down each column. A row is a query, and it divides its attention among the keys: along
    which axis do they lie?"""
    q, k, v = (part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in (x @ w_in.T + b_in).chunk(3, dim=-1))
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(blocked, -math.inf)
    return (scores.softmax(dim=-2) @ v).transpose(1, 2).flatten(2) @ w_out.T + b_out


@like_pytorch.mistake
def hidden_scores_set_to_zero(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You give hidden keys the score 0. Softmax turns a score of 0 into a weight that is not 0: which score becomes a
    weight of exactly 0?"""
    q, k, v = (part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in (x @ w_in.T + b_in).chunk(3, dim=-1))
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(blocked, 0)
    return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2) @ w_out.T + b_out


@like_pytorch.mistake
def the_output_bias_forgotten(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """Everything is right but for a constant: one of the two biases is missing. Which map comes last?"""
    return _layer(x, w_in, b_in, w_out, 0 * b_out, n_heads, blocked)


@like_pytorch.mistake
def biases_forgotten(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """Your matrices are right, and the two biases are missing."""
    return _layer(x, w_in, 0 * b_in, w_out, 0 * b_out, n_heads, blocked)


@like_pytorch.mistake
def the_input_biases_forgotten(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """Your output map is right with its bias. The three maps before it have biases as well: which argument holds
    them?"""
    return _layer(x, w_in, 0 * b_in, w_out, b_out, n_heads, blocked)


@like_pytorch.mistake(how={"added": 1, "subtracted": -1})
def the_mask_as_a_number(x, w_in, b_in, w_out, b_out, n_heads, blocked, *, how):
    """The mask is {how} in yours as a number, 0 or 1. That moves a blocked score by 1 and hides nothing: which number,
    added to a score, leaves a weight of 0?"""
    q, k, v = (part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in (x @ w_in.T + b_in).chunk(3, dim=-1))
    scores = q @ k.mT / math.sqrt(q.shape[-1]) + how * blocked
    return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2) @ w_out.T + b_out


@like_pytorch.mistake
def scores_multiplied_by_the_mask(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You multiply the scores by the mask, and so keep those that are blocked and give the others the score 0. In
    PyTorch True blocks, and a score of 0 hides nothing."""
    q, k, v = (part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in (x @ w_in.T + b_in).chunk(3, dim=-1))
    scores = q @ k.mT / math.sqrt(q.shape[-1]) * blocked
    return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2) @ w_out.T + b_out


@like_pytorch.mistake
def divided_by_the_width_of_a_head(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You divide by the width of a head. Chapter 7 divides by what makes the *standard deviation* 1, and the width is
    the variance."""
    return _layer(x, w_in, b_in, w_out, b_out, n_heads, blocked, width=(x.shape[-1] // n_heads) ** 2)


@like_pytorch.mistake
def scaled_by_the_number_of_heads(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You divide by the root of the number of heads. How many components does one dot product run over?"""
    return _layer(x, w_in, b_in, w_out, b_out, n_heads, blocked, width=n_heads)


@like_pytorch.mistake
def one_head_alone(x, w_in, b_in, w_out, b_out, n_heads, blocked):
    """You compute a single head as wide as the layer: `n_heads` makes no difference to yours."""
    return _layer(x, w_in, b_in, w_out, b_out, 1, blocked)


one_head = Question(
    "09.one_head",
    131_072,
    hint="Four matrices take part. In three of them the head has rows of its own, in the fourth columns: how many, and "
    "how long is each?",
    mistakes={
        32_768: "You have the head's share of *one* matrix. How many matrices take part?",
        98_304: "You have the head's shares of the three maps to queries, keys, and values. What else does only this "
        "head use?",
        65_536: "You have two of four shares. A head has queries, keys, and values, and something that writes its "
        "result.",
        262_144: "You have one whole matrix. How much of it belongs to one of the eight heads, and how many matrices "
        "are there?",
        1_048_576: "You have the whole layer. How much of it belongs to one of its eight heads?",
        360_448: "You let the whole output matrix go. The other heads still need it: which part of it reads this "
        "head alone?",
        786_432: "You have three whole matrices, or the heads of six layers. How much of each matrix belongs to one of "
        "the eight heads, and how many layers are there?",
        12_288: "You let a head map a slice of 64 features to 64. Each head reads the whole vector.",
        16_384: "You let a head map a slice of 64 features to 64. Each head reads, and writes, the whole vector.",
        45_056: "You let a head read a slice of 64 features. It writes the whole vector; how much of it does it read?",
        131_264: "You have counted three biases as well. The layer in question has none.",
        131_328: "You have counted four biases as well. The layer in question has none.",
        131_776: "You have counted biases as well, one of them as wide as the layer. The layer in question has none.",
        1_024 * 1_024 - 131_072: "You have what is left. The question is what goes.",
    },
)

two_shared = Question(
    "09.two_shared",
    40_960,
    hint="The maps to queries and to the output are as large as ever. How wide are all keys of a token together, if "
    "there are two heads of keys, each as wide as a query head?",
    mistakes={
        65_536: "That is a layer with as many key heads as query heads. Two of the four maps have become narrower.",
        49_152: "You let all keys of a token be half as wide as the layer. How wide is one head, if there are eight "
        "query heads? And two of those?",
        36_864: "Keys and values are too narrow. Either you counted one of the two maps, or you let two heads of keys "
        "be as wide together as one. How many maps are there, and how wide is each?",
        24_576: "You counted one wide map. The maps to the queries and to the output both keep their full width.",
        16_384: "You shrank all four maps. There are still eight query heads, and the output map reads all of them.",
        34_816: "Either you counted one narrow map, as wide as one head, or your keys and values are made from a slice "
        "of the vector. How many narrow maps are there, how much of a token does each read, and how many heads does "
        "it make?",
        8_192: "Those are the maps to keys and values. The queries and the output have maps, too.",
        32_768: "Those are the maps to the queries and to the output. The two heads of keys, and those of values, are "
        "made by maps, too.",
        45_056: "You counted three narrow maps. Keys have one and values have one, and each of the two makes two "
        "heads.",
        57_344: "You counted three wide maps. Queries and output have one each; which of the others is narrow?",
        33_280: "You let keys and values be made from a slice as wide as a head. Each reads the whole vector.",
        41_280: "You have counted biases as well. The layer in question has none.",
    },
)
