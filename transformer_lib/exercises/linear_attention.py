"""Exercises of page 17a: windows, a buffer that goes round, and states of fixed size."""

import torch
import torch.nn.functional as F

from transformer_lib.exercises.engine import Question, exercise

equal_room = Question(
    "17a.equal_room",
    65,
    hint="How many numbers does the state of the head hold, its vector of sums included? And how many does a cache "
    "hold for one token?",
    mistakes={
        64: "With 64 tokens the cache is still a little smaller: the state has a vector beside its matrix.",
        129: "You count keys alone. A cache holds a value for each token, too.",
        128: "You count keys alone, and leave the state's vector out. A cache holds a value for each token, too.",
        33: "That is the answer for a head of width 64. This one is twice as wide.",
        32: "That would be the answer for a head of width 64 whose state has no vector.",
        64.5: "At 64.5 tokens both would be equal. Tokens come whole.",
        16_512: "That is how many numbers the state holds. How many does a cache hold per token?",
        16_513: "That many *numbers* are more than the state holds. How many does a cache hold per token?",
    },
)

reach = Question(
    "17a.reach",
    24,
    hint="How far back does one layer look? What it finds there was written by the layer below, which looked back too.",
    mistakes={
        4: "That is how far one layer looks. What stands there has seen something as well.",
        5: "Five positions are in view, and the token itself is one of them. And the layer below has looked back too.",
        30: "Each of your layers reaches five back. Five are in its view, and the token itself is one of them.",
        25: "That many characters can matter, the character itself included. How far *back* is the farthest?",
        20: "One layer too few: there are six, and each of them looks back.",
        15_625: "You multiply from layer to layer. A window ends at a fixed distance, so distances add.",
        4096: "You multiply by four from layer to layer. Each layer looks a fixed distance further back, so distances "
        "add.",
    },
)

crosstalk = Question(
    "17a.crosstalk",
    2.8,
    hint="The query meets every key that was written. How similar is the query to each of the two, and what did each "
    "write?",
    mistakes={
        1: "That was written under the key that you ask with. The second key is similar to it, though: what does its "
        "value add?",
        1.8: "That is what the *other* pair adds to the answer. What does the pair itself contribute?",
        4: "You add both values in full. How similar is the query to the second key?",
        1.75: "You divided by the sum of the similarities. This state has no vector to divide by.",
        3.4: "You weigh by the second number of the key. The dot product with (1, 0) takes the first.",
        2: "That is the mean of both values. How similar is the query to each key?",
    },
)


def _normal(generator, *shape):
    return torch.from_numpy(generator.normal(size=shape))


def texts_and_windows(generator):
    """A window of one, of all, wider than the text, and ordinary ones."""
    yield 1, 1
    yield 3, 1
    yield 4, 2
    yield 5, 9
    yield 10, 4
    yield 4096, 1024


@exercise("17a.window_pairs", inputs=texts_and_windows)
def window_pairs(T, window):
    """The first tokens have fewer before them than the window is wide."""
    w = min(T, window)
    return w * (w + 1) // 2 + (T - w) * w


@window_pairs.mistake
def every_window_full(T, window):
    """You give every token a full window. What does the first token of a text see?"""
    return T * window


@window_pairs.mistake
def wider_than_the_text(T, window):
    """Right while the window is narrower than the text. With T = 5 and a window of 9, no token has nine positions
    to look at."""
    return window * (window + 1) // 2 + (T - window) * window


@window_pairs.mistake
def nothing_if_wider(T, window):
    """Right while the window is narrower than the text. Where it is wider, every token still sees itself and all
    before it."""
    return window_pairs(T, window) if window <= T else 0


@window_pairs.mistake
def full_windows_alone(T, window):
    """You count the tokens whose window is full. The first ones see something too, if not so much."""
    return max(T - window + 1, 0) * window


@window_pairs.mistake
def the_corner_too_large(T, window):
    """You take too much off. From the full windows is missing what the first tokens do not have: the first lacks
    window − 1 keys, not `window`."""
    return T * window - min(T, window) * (window + 1) // 2


@window_pairs.mistake
def both_directions(T, window):
    """Your tokens look ahead as well. The model is causal."""
    return sum(min(T, t + window) - max(0, t - window + 1) for t in range(T))


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


def tokens_in_a_ring(generator):
    """Nothing yet, the first tokens, a full ring, and one that has gone round."""
    yield 1, 1
    yield 2, 3
    yield 3, 3
    yield 4, 3
    yield 5, 3
    yield 6, 3
    yield 1000, 7


@exercise("17a.ring_order", inputs=tokens_in_a_ring)
def ring_order(seen, window):
    """Token t is in slot t mod w; the oldest that is left is the next to be written over."""
    return [t % window for t in range(max(0, seen - window), seen)]


@ring_order.mistake
def in_order_of_the_slots(seen, window):
    """You list the slots as they lie in memory. Once the ring has gone round, the newest token lies before the
    oldest."""
    return list(range(min(seen, window)))


@ring_order.mistake
def newest_first(seen, window):
    """Newest first. The oldest should come first."""
    return ring_order(seen, window)[::-1]


@ring_order.mistake
def empty_slots_too(seen, window):
    """While fewer tokens have come than there are slots, some slots hold nothing. Yours lists them too."""
    return [(seen + i) % window for i in range(window)]


@ring_order.mistake
def the_tokens(seen, window):
    """Those are the tokens that are held. Asked is the slot in which each of them lies."""
    return list(range(max(0, seen - window), seen))


@ring_order.mistake
def one_slot_on(seen, window):
    """Yours is turned by one slot. Token 0 goes into slot 0, so which slot is written next after `seen` tokens?"""
    return [(t + 1) % window for t in range(max(0, seen - window), seen)]


@ring_order.mistake
def one_turned_back(seen, window):
    """Yours is turned by one slot the other way. Token 0 goes into slot 0."""
    return [(t - 1) % window for t in range(max(0, seen - window), seen)]


def features_of_a_head(generator):
    """One token, two, and longer texts; all features are above zero, as phi leaves them."""
    for T, d in ((1, 2), (2, 2), (3, 2), (6, 4)):
        q, k, v = _normal(generator, 3, T, d)
        yield F.elu(q) + 1, F.elu(k) + 1, v


@exercise("17a.linear_attention", inputs=features_of_a_head)
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


@linear_attention.mistake
def phi_once_more(q, k, v):
    """You apply phi to features that have been through it already. Here q and k are what phi returned."""
    return linear_attention(F.elu(q) + 1, F.elu(k) + 1, v)


@linear_attention.mistake
def values_by_keys(q, k, v):
    """Your state is the product of value and key, in this order, and is read as if it were the other way round. Which
    of its sides must the query meet?"""
    return torch.stack([q[t] @ (v[: t + 1].mT @ k[: t + 1]) / (q[t] @ k[: t + 1].sum(dim=0)) for t in range(len(q))])


@linear_attention.mistake
def divided_by_how_many_there_are(q, k, v):
    """You divide by the number of keys. Their weights differ: by what do the weights of this query sum up?"""
    return (q @ k.mT).tril() @ v / torch.arange(1, len(q) + 1, dtype=q.dtype)[:, None]


def pairs_to_write(generator):
    """One pair, the same key twice, orthogonal keys, and keys that overlap; all keys have length 1."""
    one = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    yield one, torch.tensor([[2.0]], dtype=torch.float64)
    yield one.repeat(2, 1), torch.tensor([[2.0], [5.0]], dtype=torch.float64)
    yield torch.eye(2, dtype=torch.float64), torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    for n, d in ((3, 2), (6, 4)):
        yield F.normalize(_normal(generator, n, d), dim=1), _normal(generator, n, 3)


@exercise("17a.delta_state", inputs=pairs_to_write)
def delta_state(k, v):
    """What the state returns for the key already is taken off before the value is written."""
    state = torch.zeros(k.shape[1], v.shape[1], dtype=v.dtype)
    for key, value in zip(k, v, strict=True):
        state = state + torch.outer(key, value - key @ state)
    return state


@delta_state.mistake
def added_only(k, v):
    """Yours adds, as linear attention does. With the same key twice, both values lie on top of each other: what does
    the state return for a key before you write?"""
    return k.mT @ v


@delta_state.mistake
def wrong_sign(k, v):
    """You add what the state returned already instead of taking it off."""
    state = torch.zeros(k.shape[1], v.shape[1], dtype=v.dtype)
    for key, value in zip(k, v, strict=True):
        state = state + torch.outer(key, value + key @ state)
    return state


@delta_state.mistake
def the_last_pair_alone(k, v):
    """Your state holds the last pair alone. What was written under *other* keys should stay."""
    return torch.outer(k[-1], v[-1])


@delta_state.mistake
def transposed(k, v):
    """The transpose of what is asked for. A key reads the state from the left, key @ state, so its rows belong to
    the key's features."""
    return delta_state(k, v).mT


@delta_state.mistake
def all_solved_at_once(k, v):
    """You find the state that fits all pairs best, at once. The rule writes one pair after another, and an earlier
    one may suffer."""
    return torch.linalg.pinv(k) @ v


@delta_state.mistake
def written_backward(k, v):
    """You write the last pair first. The newest pair is the one that the state should return exactly."""
    return delta_state(k.flip(0), v.flip(0))
