"""Exercises of chapter 17: what a cache holds and how it is used, softmax in pieces, windows, intensity, fewer bits."""

import torch
import torch.nn.functional as F

from transformer_lib.exercises.engine import exercise


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
def scaled_by_the_width_of_the_model(x, positions, w_q, w_k, w_v, keys, values):
    """You divide by the root of the token's width. The vectors that meet in a score are those of the head: how long
    are they?"""
    x = x + positions[len(keys)]
    return _step_at(x, w_q * (keys.shape[1] / len(x)) ** 0.5, w_k, w_v, keys, values)


def tiles_of_scores(generator):
    """A tile with a larger maximum, one with a smaller, one with huge scores, and wider ones."""
    for seen, tile in (([0.0], [1.0]), ([2.0], [-1.0, 1.0]), ([1.0, 0.0], [800.0, 799.0]), ([0.5] * 3, [1.0, -2.0])):
        scores = torch.tensor(seen, dtype=torch.float64)
        weights = (scores - scores.max()).exp()
        values = _normal(generator, len(seen) + len(tile), 2)
        yield (
            float(scores.max()), float(weights.sum()), weights @ values[: len(seen)],
            torch.tensor(tile, dtype=torch.float64), values[len(seen) :],
        )  # fmt: skip


@exercise("17.online_softmax", inputs=tiles_of_scores)
def online_softmax(m, total, o, scores, values):
    """What was summed under the old maximum is brought under the new one."""
    m_new = max(m, float(scores.max()))
    weights = (scores - m_new).exp()
    old = torch.tensor(m - m_new, dtype=torch.float64).exp()
    return m_new, float(total * old + weights.sum()), o * old + weights @ values


def _tile(m, scores):
    m_new = max(m, float(scores.max()))
    return m_new, (scores - m_new).exp(), torch.tensor(m - m_new, dtype=torch.float64).exp()


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
    m_new = float(scores.max())
    weights, old = (scores - m_new).exp(), torch.tensor(m - m_new, dtype=torch.float64).exp()
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


def texts_and_windows(generator):
    """A window of one, of all, wider than the text, and ordinary ones."""
    yield 1, 1
    yield 3, 1
    yield 4, 2
    yield 5, 9
    yield 10, 4
    yield 4096, 1024


@exercise("17.window_pairs", inputs=texts_and_windows)
def window_pairs(T, window):
    """The first tokens have fewer before them than the window is wide."""
    w = min(T, window)
    return w * (w + 1) // 2 + (T - w) * w


@window_pairs.mistake
def every_window_full(T, window):
    """You give every token a full window. What does the first token of a text see?"""
    return T * window


@window_pairs.mistake
def causal_alone(T, window):
    """Your count is that of a causal mask: the window makes no difference to it."""
    return T * (T + 1) // 2


@window_pairs.mistake
def itself_beside_the_window(T, window):
    """Each of your tokens sees itself and `window` more. The window has the token itself in it."""
    return window_pairs(T, window + 1)


@window_pairs.mistake
def counted_from_nothing(T, window):
    """Your first token has nothing to look at, the second one key, and so on up to a full window. The first sees
    itself."""
    return window_pairs(T - 1, window) if T > 1 else 0


@window_pairs.mistake
def not_itself(T, window):
    """None of your tokens sees itself. It is the newest one in its window."""
    return window_pairs(T, window) - T


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


def groups_of_weights(generator):
    """One group of three, a group all above zero, several groups."""
    yield torch.tensor([[-1.0, 0.2, 2.0]], dtype=torch.float64), 2
    yield torch.tensor([[5.0, 6.0, 6.4, 7.7]], dtype=torch.float64), 2
    yield _normal(generator, 3, 8) * torch.tensor([[0.1], [1.0], [5.0]], dtype=torch.float64), 4
    yield _normal(generator, 2, 32), 4


@exercise("17.quantised", inputs=groups_of_weights)
def quantised(w, bits):
    """From the least weight in equal steps to the largest, each group in its own."""
    least, steps = w.amin(dim=1, keepdim=True), 2**bits - 1
    d = (w.amax(dim=1, keepdim=True) - least) / steps
    return ((w - least) / d).round() * d + least


def _stepped(w, least, d):
    return ((w - least) / d).round() * d + least


@quantised.mistake
def one_step_too_many(w, bits):
    """You divide the range into as many steps as there are numbers. Four marks on a ruler have three spaces between
    them; your largest weight needs one mark more than there is."""
    least = w.amin(dim=1, keepdim=True)
    return _stepped(w, least, (w.amax(dim=1, keepdim=True) - least) / 2**bits)


@quantised.mistake
def rounded_down(w, bits):
    """Your weights never come back larger than they went: the fraction is cut off. Which whole number is nearest?"""
    least = w.amin(dim=1, keepdim=True)
    d = (w.amax(dim=1, keepdim=True) - least) / (2**bits - 1)
    return ((w - least) / d + 1e-9).floor() * d + least


@quantised.mistake
def one_scale_for_all(w, bits):
    """One range serves all of your groups. A group of small weights then lies within a step or two of the large
    ones'."""
    least = w.min()
    return _stepped(w, least, (w.max() - least) / (2**bits - 1))


@quantised.mistake
def the_least_is_not_added_back(w, bits):
    """All of your weights come back from zero upwards. What was subtracted before rounding?"""
    return quantised(w, bits) - w.amin(dim=1, keepdim=True)


@quantised.mistake
def around_zero(w, bits):
    """You scale by the largest magnitude and keep zero where it is. Then a group that lies on one side of it uses half
    of its numbers; here each group has a least weight of its own."""
    top = 2 ** (bits - 1) - 1
    d = w.abs().amax(dim=1, keepdim=True) / top
    return (w / d).round().clamp(-top - 1, top) * d


@quantised.mistake
def whole_numbers(w, bits):
    """Those are the whole numbers that would be stored. Asked is what comes of them when they are read."""
    least = w.amin(dim=1, keepdim=True)
    return ((w - least) / (w.amax(dim=1, keepdim=True) - least) * (2**bits - 1)).round()


def features_of_a_head(generator):
    """One token, two, and longer texts; all features are above zero, as phi leaves them."""
    for T, d in ((1, 2), (2, 2), (3, 2), (6, 4)):
        q, k, v = _normal(generator, 3, T, d)
        yield F.elu(q) + 1, F.elu(k) + 1, v


@exercise("17.linear_attention", inputs=features_of_a_head)
def linear_attention(q, k, v):
    """Write, then read: the state is the sum of all outer products so far."""
    state, size, outputs = torch.zeros(k.shape[1], v.shape[1], dtype=v.dtype), torch.zeros_like(k[0]), []
    for query, key, value in zip(q, k, v, strict=True):
        state, size = state + torch.outer(key, value), size + key
        outputs.append(query @ state / (query @ size))
    return torch.stack(outputs)


def _in_parallel(q, k, v, mask, own=None):
    weights = q @ k.mT * mask
    return weights @ v / (weights if own is None else q @ k.mT * own).sum(dim=1, keepdim=True)


@linear_attention.mistake
def everything_in_view(q, k, v):
    """All of your tokens read one state, in which the whole text stands. A token may see what came before it, and
    itself."""
    return _in_parallel(q, k, v, torch.ones(len(q), len(k), dtype=q.dtype))


@linear_attention.mistake
def read_before_it_is_written(q, k, v):
    """You read the state and then write the token into it, so that none sees itself, and the first divides nothing by
    nothing."""
    return _in_parallel(q, k, v, torch.ones(len(q), len(k), dtype=q.dtype).tril(-1))


@linear_attention.mistake
def overwritten(q, k, v):
    """Each token of yours replaces the state, and then nothing is left but its own value. The state is a sum."""
    return v.clone()


@linear_attention.mistake
def not_divided(q, k, v):
    """The weights of yours do not sum to 1. What does softmax divide by, and what takes its place here?"""
    return (q @ k.mT).tril() @ v


@linear_attention.mistake
def divided_by_the_newest_key(q, k, v):
    """You divide by what the newest key alone gives. The weights of all keys so far have to sum to 1."""
    return _in_parallel(q, k, v, torch.ones(len(q), len(k), dtype=q.dtype).tril(), torch.eye(len(q), dtype=q.dtype))


@linear_attention.mistake
def softmax_of_the_scores(q, k, v):
    """That is softmax attention, of features that have been through phi already. Here the product of the features is
    itself the weight, before it is divided."""
    scores = (q @ k.mT / q.shape[1] ** 0.5).masked_fill(torch.ones(len(q), len(k)).triu(1) > 0, -torch.inf)
    return scores.softmax(dim=1) @ v
