"""Exercises of chapter 17: bounds, what a cache holds and how it is used, softmax in pieces, drafts."""

import torch

from transformer_lib.exercises.engine import Question, exercise

phone_bound = Question(
    "17.phone_bound",
    320 / 9,
    hint="How many bytes do all weights take? And how often per second can that many be read?",
    mistakes={
        40 / 9: "You divide by the bits of the weights. A byte has eight.",
        20.0: "Yours is for one byte per weight. How many bytes are 4.5 bits?",
        10.0: "Yours is for two bytes per weight. How many bytes are 4.5 bits?",
        5.0: "Yours is for four bytes per weight. How many bytes are 4.5 bits?",
        160 / 9: "Half of it. Each weight is read once per token; a multiplication and an addition need it, and it is "
        "fetched for both at once.",
        9 / 320: "That is how many seconds a token takes. How many tokens fit into a second?",
        28.125: "That is how many milliseconds a token takes. How many tokens fit into a second?",
        40.0: "Were those 4 bits? The scales that the weights share are counted in: 4.5 bits each.",
    },
)

break_even = Question(
    "17.break_even",
    1.9,
    hint="What does one pass of the model cost, together with the drafting before it? And how many tokens does plain "
    "decoding write in that time?",
    mistakes={
        1.6: "In yours the draft costs nothing. It proposes four tokens before each pass.",
        1.675: "You count one drafted token. Four are proposed before each pass, one after the other.",
        1.975: "You count five drafted tokens. Four are proposed; the fifth token of the pass is the last one that was "
        "kept.",
        0.9: "That is how many of the *drafted* tokens must be accepted. Each pass also yields one token of the "
        "model's own.",
        7.6: "You spread the cost of a pass over its five tokens, in milliseconds. How many *plain* tokens does the "
        "whole pass cost?",
        38.0: "That is what a pass costs with its drafts, in milliseconds. How many plain tokens take as long?",
        0.38: "You divide by the price of five plain tokens. Against how many is the pass to be weighed, if that is "
        "what is asked for?",
    },
    rtol=2e-3,
)


def shapes_of_caches(generator):
    """One of everything; shared heads; SmolLM2 in float32; a large model in 16 bits."""
    yield 1, 2, 1, 4, 1, 1
    yield 2, 4, 2, 8, 3, 2
    yield 12, 12, 12, 768, 1024, 2
    yield 30, 9, 3, 576, 2048, 4
    yield 80, 64, 8, 8192, 4096, 2


@exercise("17.kv_cache_bytes", inputs=shapes_of_caches)
def kv_cache_bytes(n_layers, n_heads, n_kv_heads, d_model, length, bytes_per_number):
    """Two vectors for each token, layer and key/value head."""
    return 2 * n_layers * n_kv_heads * (d_model // n_heads) * length * bytes_per_number


@kv_cache_bytes.mistake
def keys_alone(n_layers, n_heads, n_kv_heads, d_model, length, bytes_per_number):
    """Half of it. A query meets the keys, and what does it then take its mean of?"""
    return n_layers * n_kv_heads * (d_model // n_heads) * length * bytes_per_number


@kv_cache_bytes.mistake
def a_key_for_every_query_head(n_layers, n_heads, n_kv_heads, d_model, length, bytes_per_number):
    """You keep as many heads as there are queries. Where heads share their keys and values, there are fewer to keep:
    that is what sharing is for."""
    return 2 * n_layers * d_model * length * bytes_per_number


@kv_cache_bytes.mistake
def keys_alone_for_every_query_head(n_layers, n_heads, n_kv_heads, d_model, length, bytes_per_number):
    """Two things at once: you keep one vector where a query needs two kinds, and one for each query head where some
    heads share."""
    return n_layers * d_model * length * bytes_per_number


@kv_cache_bytes.mistake
def each_head_as_wide_as_the_model(n_layers, n_heads, n_kv_heads, d_model, length, bytes_per_number):
    """Each of your heads is as wide as the model. How many heads divide its features among them?"""
    return 2 * n_layers * n_kv_heads * d_model * length * bytes_per_number


@kv_cache_bytes.mistake
def queries_per_head(n_layers, n_heads, n_kv_heads, d_model, length, bytes_per_number):
    """You count how many query heads share one key/value head. What is kept is one key for each key/value head."""
    return 2 * n_layers * (n_heads // n_kv_heads) * (d_model // n_heads) * length * bytes_per_number


@kv_cache_bytes.mistake
def one_layer(n_layers, n_heads, n_kv_heads, d_model, length, bytes_per_number):
    """That is what one layer keeps. Each has keys and values of its own."""
    return 2 * n_kv_heads * (d_model // n_heads) * length * bytes_per_number


@kv_cache_bytes.mistake
def numbers_for_bytes(n_layers, n_heads, n_kv_heads, d_model, length, bytes_per_number):
    """That is how many numbers there are. How many bytes does one of them take?"""
    return 2 * n_layers * n_kv_heads * (d_model // n_heads) * length


def steps_of_a_head(generator):
    """The first token of all, the second, and later ones; positions up to a few more than are used."""
    for past, D, Dh in ((0, 2, 2), (1, 2, 2), (3, 4, 2), (6, 5, 3)):
        x = _normal(generator, D)
        maps = [_normal(generator, D, Dh) for _ in range(3)]
        yield x, _normal(generator, past + 3, D), *maps, _normal(generator, past, Dh), _normal(generator, past, Dh)


def _normal(generator, *shape):
    return torch.from_numpy(generator.normal(size=shape))


@exercise("17.cached_step", inputs=steps_of_a_head)
def cached_step(x, positions, w_q, w_k, w_v, keys, values):
    """The new token stands after as many as the cache holds, and is appended before it asks."""
    x = x + positions[len(keys)]
    keys, values = torch.cat((keys, (x @ w_k)[None])), torch.cat((values, (x @ w_v)[None]))
    weights = (keys @ (x @ w_q) / keys.shape[1] ** 0.5).softmax(dim=0)
    return weights @ values, keys, values


def _step_at(x, w_q, w_k, w_v, keys, values, scale=True):
    keys, values = torch.cat((keys, (x @ w_k)[None])), torch.cat((values, (x @ w_v)[None]))
    scores = keys @ (x @ w_q)
    return (scores / keys.shape[1] ** 0.5 if scale else scores).softmax(dim=0) @ values, keys, values


@cached_step.mistake
def always_at_the_beginning(x, positions, w_q, w_k, w_v, keys, values):
    """Every token of yours stands at position 0, since it comes alone. How many tokens came before it, and who
    remembers?"""
    return _step_at(x + positions[0], w_q, w_k, w_v, keys, values)


@cached_step.mistake
def one_place_too_far(x, positions, w_q, w_k, w_v, keys, values):
    """Your token stands one place too far on. With nothing in the cache it is the first, and the first position
    is 0."""
    return _step_at(x + positions[len(keys) + 1], w_q, w_k, w_v, keys, values)


@cached_step.mistake
def the_place_of_the_last_one(x, positions, w_q, w_k, w_v, keys, values):
    """Your token stands where the newest token in the cache stood already. Places count from 0: with S tokens held,
    the last of them is at S − 1."""
    return _step_at(x + positions[max(len(keys) - 1, 0)], w_q, w_k, w_v, keys, values)


@cached_step.mistake
def the_end_of_the_table(x, positions, w_q, w_k, w_v, keys, values):
    """Yours takes a row from the end of the table, where the place is S − 1 for a first token, or always the last.
    Python counts −1 from the end and does not complain. Places count from 0."""
    return _step_at(x + positions[len(keys) - 1], w_q, w_k, w_v, keys, values)


@cached_step.mistake
def no_position(x, positions, w_q, w_k, w_v, keys, values):
    """Nobody tells your token where it stands: the table of positions goes unused."""
    return _step_at(x, w_q, w_k, w_v, keys, values)


@cached_step.mistake
def asked_before_it_was_appended(x, positions, w_q, w_k, w_v, keys, values):
    """Your token does not see itself: it asks first and is appended afterwards. The diagonal of a causal mask is
    open."""
    x = x + positions[len(keys)]
    weights = (keys @ (x @ w_q) / keys.shape[1] ** 0.5).softmax(dim=0)
    return weights @ values, torch.cat((keys, (x @ w_k)[None])), torch.cat((values, (x @ w_v)[None]))


@cached_step.mistake
def the_old_cache_returned(x, positions, w_q, w_k, w_v, keys, values):
    """The output is right, and the cache that you return is the one you were given. The next token will not know
    that there was this one."""
    return cached_step(x, positions, w_q, w_k, w_v, keys, values)[0], keys, values


@cached_step.mistake
def unscaled(x, positions, w_q, w_k, w_v, keys, values):
    """The cache is right. The scores are sums of as many terms as a head is wide: what are they divided by?"""
    return _step_at(x + positions[len(keys)], w_q, w_k, w_v, keys, values, scale=False)


@cached_step.mistake
def scaled_by_the_number_of_keys(x, positions, w_q, w_k, w_v, keys, values):
    """You divide the scores by the root of how many keys there are. A score is a sum over the features of a head: how
    many are there of those?"""
    scale = (keys.shape[1] / (len(keys) + 1)) ** 0.5
    return _step_at(x + positions[len(keys)], w_q * scale, w_k, w_v, keys, values)


@cached_step.mistake
def scaled_by_the_width_of_the_model(x, positions, w_q, w_k, w_v, keys, values):
    """You divide by the root of the token's width. The vectors that meet in a score are those of the head: how long
    are they?"""
    x = x + positions[len(keys)]
    return _step_at(x, w_q * (keys.shape[1] / len(x)) ** 0.5, w_k, w_v, keys, values)


def tiles_of_scores(generator):
    """A tile with a larger maximum, one with a smaller, the first of all, masked scores, huge ones, and wider tiles."""
    inf = float("inf")
    seen_and_tile = (
        ([0.0], [1.0]),
        ([2.0], [-1.0, 1.0]),
        ([], [0.5, -1.0]),
        ([], [-inf, -2.0]),
        ([1.0], [-inf, -inf]),
        ([], [-inf, -inf]),
        ([1.0, 0.0], [800.0, 799.0]),
        ([0.5] * 3, [1.0, -2.0]),
    )
    for seen, tile in seen_and_tile:
        scores = torch.tensor(seen, dtype=torch.float64)
        m = float(scores.max()) if seen else -inf
        weights = (scores - m).exp()
        values = _normal(generator, len(seen) + len(tile), 2)
        yield (
            m, float(weights.sum()), weights @ values[: len(seen)],
            torch.tensor(tile, dtype=torch.float64), values[len(seen) :],
        )  # fmt: skip


@exercise("17.online_softmax", inputs=tiles_of_scores)
def online_softmax(m, total, o, scores, values):
    """What was summed under the old maximum is brought under the new one; where nothing is in view, nothing happens."""
    m_new, weights, old = _tile(m, scores)
    return m_new, float(total * old + weights.sum()), o * old + weights @ values


def _tile(m, scores):
    m_new = max(m, float(scores.max()))
    shift = 0.0 if m_new == -float("inf") else m_new
    return m_new, (scores - shift).exp(), torch.tensor(m - shift, dtype=torch.float64).exp()


@online_softmax.mistake
def nothing_less_nothing(m, total, o, scores, values):
    """Right, until a tile arrives in which all scores are masked, and all before it were: infinity less infinity is
    not a number. What should the three be when no key is in view so far?"""
    m_new = max(m, float(scores.max()))
    weights, old = (scores - m_new).exp(), torch.tensor(m - m_new, dtype=torch.float64).exp()
    return m_new, float(total * old + weights.sum()), o * old + weights @ values


@online_softmax.mistake
def the_old_total_not_rescaled(m, total, o, scores, values):
    """The old sum of exponentials goes in as it was, but it was taken under the old maximum. Your weights will not
    sum to 1."""
    m_new, weights, old = _tile(m, scores)
    return m_new, float(total + weights.sum()), o * old + weights @ values


@online_softmax.mistake
def the_old_values_not_rescaled(m, total, o, scores, values):
    """The old weighted sum of values goes in as it was, while the sum of exponentials is brought under the new
    maximum. Both were weighed with the same old exponentials."""
    m_new, weights, old = _tile(m, scores)
    return m_new, float(total * old + weights.sum()), o + weights @ values


@online_softmax.mistake
def nothing_rescaled(m, total, o, scores, values):
    """Old and new are added as if they had been taken under one maximum. When the maximum moves, what was summed
    before must move with it."""
    m_new, weights, _ = _tile(m, scores)
    return m_new, float(total + weights.sum()), o + weights @ values


@online_softmax.mistake
def rescaled_the_wrong_way(m, total, o, scores, values):
    """You rescale by the exponential of new less old. The new maximum is the larger one, so old sums must shrink, and
    yours grow."""
    m_new, weights, old = _tile(m, scores)
    return m_new, float(total / old + weights.sum()), o / old + weights @ values


@online_softmax.mistake
def the_maximum_of_the_tile_alone(m, total, o, scores, values):
    """Your maximum is that of the tile, even where a larger one came before. Then old sums have to grow, which is how
    they overflow."""
    m_new, weights, old = _tile(-float("inf"), scores)
    old = torch.tensor(m - (0.0 if m_new == -float("inf") else m_new), dtype=torch.float64).exp()
    return m_new, float(total * old + weights.sum()), o * old + weights @ values


@online_softmax.mistake
def no_maximum_subtracted(m, total, o, scores, values):
    """You take the exponentials of the scores as they come. One of the tiles has scores of 800: what is the exponential
    of that? Subtract the largest first, and bring what was summed before under it too."""
    weights = scores.exp()
    return max(m, float(scores.max())), float(total + weights.sum()), o + weights @ values


@online_softmax.mistake
def divided_too_early(m, total, o, scores, values):
    """You divide already. More tiles may follow, whose weights are not in the sum yet: it is done once, at the
    end."""
    m_new, total, o = online_softmax(m, total, o, scores, values)
    return m_new, total, o / total


def products(generator):
    """A vector times a small matrix, more rows, and the sizes of a head."""
    yield 1, 1, 1, 4
    yield 1, 2, 3, 4
    yield 1, 576, 1536, 4
    yield 1, 576, 1536, 2
    yield 64, 576, 1536, 4


@exercise("17.arithmetic_intensity", inputs=products, rtol=1e-4)
def arithmetic_intensity(n, a, b, bytes_per_number):
    """Operations over bytes: both factors are read and the product is written."""
    return 2 * n * a * b / (bytes_per_number * (n * a + a * b + n * b))


@arithmetic_intensity.mistake
def multiplications_alone(n, a, b, bytes_per_number):
    """You count the multiplications. Each product is also added to a sum, and an addition is an operation too."""
    return arithmetic_intensity(n, a, b, bytes_per_number) / 2


@arithmetic_intensity.mistake
def the_matrix_alone(n, a, b, bytes_per_number):
    """The matrix is read, yes. With few rows that is nearly all, and with many it is not: what else is read, and what
    is written?"""
    return 2 * n / bytes_per_number


@arithmetic_intensity.mistake
def the_result_not_written(n, a, b, bytes_per_number):
    """Both factors are read in yours. Where does the product go?"""
    return 2 * n * a * b / (bytes_per_number * (n * a + a * b))


@arithmetic_intensity.mistake
def numbers_for_bytes_again(n, a, b, bytes_per_number):
    """That is operations for each *number* that moves. Memory counts in bytes."""
    return arithmetic_intensity(n, a, b, bytes_per_number) * bytes_per_number


@arithmetic_intensity.mistake
def the_matrix_for_every_row(n, a, b, bytes_per_number):
    """Your matrix is read again for every row, so that more rows gain nothing. It is read once, and all rows are
    multiplied with it while it is there."""
    return arithmetic_intensity(1, a, b, bytes_per_number)


def prompts_and_lengths(generator):
    """One token after one, several after one, one after several, several after several."""
    yield 1, 1, 1
    yield 1, 3, 2
    yield 4, 1, 2
    yield 3, 4, 2
    yield 100, 50, 64


def _block(n, S, D):
    return 24 * n * D**2 + 4 * n * S * D


@exercise("17.written_flops", inputs=prompts_and_lengths)
def written_flops(prompt, new, D):
    """The prompt at once, which gives the first token; then each token but the last, on its own."""
    return _block(prompt, prompt, D) + sum(_block(1, prompt + i, D) for i in range(1, new))


@written_flops.mistake
def the_last_is_read_too(prompt, new, D):
    """You have the block read the last token that was written. After it, no further token is asked for: how many
    passes are there, when reading the prompt gives the first new token?"""
    return _block(prompt, prompt, D) + sum(_block(1, prompt + i, D) for i in range(1, new + 1))


@written_flops.mistake
def no_cache(prompt, new, D):
    """Yours reads everything again for each new token. With a cache the keys and values are there: only the newest
    token passes through the maps."""
    return sum(_block(prompt + i, prompt + i, D) for i in range(new))


@written_flops.mistake
def keys_that_do_not_grow(prompt, new, D):
    """Your new tokens attend to the prompt alone. Each also sees what was written since, itself included."""
    return _block(prompt, prompt, D) + (new - 1) * _block(1, prompt, D)


@written_flops.mistake
def not_itself(prompt, new, D):
    """Each of your new tokens sees one key too few. Its own key is appended before it asks, and it may see itself."""
    return _block(prompt, prompt, D) + sum(_block(1, prompt + i - 1, D) for i in range(1, new))


@written_flops.mistake
def the_prompt_for_nothing(prompt, new, D):
    """The prompt costs nothing in yours. Before the first token can be written, the block must read it."""
    return sum(_block(1, prompt + i, D) for i in range(1, new))


@written_flops.mistake
def all_at_once(prompt, new, D):
    """You let all tokens in at once, as in training. The new ones are not there yet: each has to be written before it
    can be read, and sees only what stands before it."""
    return _block(prompt + new - 1, prompt + new - 1, D)


@written_flops.mistake
def every_new_token_sees_all(prompt, new, D):
    """Each of your new tokens meets the keys of all that will be written. When it is read, those after it do not exist
    yet."""
    return _block(prompt, prompt, D) + _block(new - 1, prompt + new - 1, D)


@written_flops.mistake
def multiplications_without_additions(prompt, new, D):
    """Half of it: you count multiplications. Each product is also added to a sum, and that is an operation too."""
    return written_flops(prompt, new, D) // 2


@written_flops.mistake
def half_of_the_causal_pairs(prompt, new, D):
    """You leave out the pairs of the prompt that the mask forbids, as a good kernel does. Here they are counted: each
    of the prompt's queries meets all of its keys."""
    return written_flops(prompt, new, D) - 2 * prompt * (prompt - 1) * D


def models_and_drafts(generator):
    """Two tokens, three with one that the draft never proposes, and ordinary ones."""
    yield torch.tensor([0.75, 0.25], dtype=torch.float64), torch.tensor([0.5, 0.5], dtype=torch.float64)
    yield torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), torch.tensor([0.6, 0.4, 0.0], dtype=torch.float64)
    yield torch.tensor([0.1, 0.4, 0.3, 0.2], dtype=torch.float64), torch.tensor([0.4, 0.1, 0.25, 0.25]).double()
    for V in (5, 12):
        yield tuple(_normal(generator, 2, V).softmax(dim=1))


@exercise("17.after_rejection", inputs=models_and_drafts)
def after_rejection(p, q):
    """What the model has more of than the draft, as a distribution."""
    more = (p - q).clamp(min=0)
    return more / more.sum()


@after_rejection.mistake
def the_model_itself(p, q):
    """You draw from p again. The tokens that the draft proposes too often were accepted with less than certainty, and
    their share is complete already; from p they get more. What is still missing from each token's share?"""
    return p.clone()


@after_rejection.mistake
def not_a_distribution(p, q):
    """The right amounts, and they do not sum to 1. What is drawn from must be a distribution."""
    return (p - q).clamp(min=0)


@after_rejection.mistake
def both_differences(p, q):
    """You give a share to tokens that the draft proposes too *often* as well. They need nothing more: which sign of
    p − q is left over?"""
    return (p - q).abs() / (p - q).abs().sum()


@after_rejection.mistake
def the_draft_s_surplus(p, q):
    """Your difference has the wrong sign: you draw what the draft had too much of. What has the *model* more of?"""
    more = (q - p).clamp(min=0)
    return more / more.sum()


@after_rejection.mistake
def what_both_have(p, q):
    """You draw from what p and q share. That is the part that is accepted; after a rejection the rest of p is
    wanted."""
    both = torch.minimum(p, q)
    return both / both.sum()


@after_rejection.mistake
def negative_shares(p, q):
    """Some of your shares are negative, so that nothing can be drawn from them. Only what the model has *more* of than
    the draft is left over."""
    return p - q


@after_rejection.mistake
def softened(p, q):
    """A softmax makes a distribution of any numbers, but not this one: it gives every token a share, also those of
    which nothing is missing."""
    return (p - q).softmax(dim=0)
