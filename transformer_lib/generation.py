"""Generation: from a model of the next token to whole sequences.

Greedy takes the likeliest token at each step. Beam search keeps the `beams` likeliest prefixes at once, and ranks the
finished sequences Y, which differ in length, by (Wu et al. 2016, arXiv:1609.08144, section 7)

    s(Y) = log p(Y | source) / lp(Y),    lp(Y) = ((5 + |Y|) / 6)^a

since a log-probability only falls as tokens are added. Vaswani et al. 2017, section 6.1, use 4 beams and a = 0.6.
"""

from collections.abc import Collection
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from transformer_lib.architectures import EncoderDecoder, LanguageModel
from transformer_lib.sampling import sample_next


def generate(
    model: LanguageModel,
    prompt: Int[Tensor, "B T"],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    stop: Collection[int] = (),
    lengths: Int[Tensor, " B"] | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "B T2"]:
    """Continue each prompt of a batch, a token at a time, with a KV cache.

    Past the model's context length the window slides: each token is predicted from the last context_length tokens,
    which are read anew, so that a step then costs a whole window. What was there before the window is forgotten.

    Args:
        model: In evaluation mode, or its dropout acts.
        prompt: Token ids; at least one each.
        max_new_tokens: Tokens written after the T columns of the prompt.
        temperature: See sampling.next_token_probabilities, as for top_k, top_p and min_p; 0 is greedy.
        top_k: Tokens to keep.
        top_p: Probability mass to keep.
        min_p: Fraction of the largest probability to keep.
        stop: Tokens that end a row: it is filled up with the one that ended it, and when every row has ended, no more
            columns are written.
        lengths: Tokens of each prompt where they differ; what stands after them in `prompt` is written over, so that
            a shorter prompt is continued by more tokens, up to the same column.
        generator: The source of randomness; None takes PyTorch's global one.

    Returns:
        (B, T + new): the prompts and what follows them.

    Raises:
        ValueError: If there is nothing to write or to begin with, or a setting of the sampling is out of range.
    """
    B, T = prompt.shape
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens={max_new_tokens} must be at least 1: nothing would be written")
    if lengths is None:
        lengths = torch.full((B,), T, device=prompt.device)
    if T == 0 or int(lengths.min()) < 1 or int(lengths.max()) > T:
        raise ValueError(f"lengths={lengths.tolist()} must be in 1..T={T}: begin each prompt with a token, and no more")
    with torch.inference_mode():
        window = model.context_length or T + max_new_tokens
        cache = model.new_cache(min(window, T + max_new_tokens))
        stops = torch.tensor(list(stop), dtype=prompt.dtype, device=prompt.device)
        done = torch.zeros(B, dtype=torch.bool, device=prompt.device)
        first, read = int(lengths.min()), 0  # columns that are written already, and those in the cache
        tokens = prompt[:, :first]
        for end in range(first, T + max_new_tokens):
            if end <= window:
                logits = model(tokens[:, read:], cache=cache)[:, -1]
                read = end
            else:
                logits = model(tokens[:, -window:])[:, -1]
            written = sample_next(
                logits, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, generator=generator
            )
            if end < T:  # some prompts go on for longer than others
                written = torch.where(end < lengths, prompt[:, end], written)
            if len(stops):
                written = torch.where(done, tokens[:, -1], written)
                done = done | (torch.isin(written, stops) & (end >= lengths))
            tokens = torch.cat((tokens, written[:, None]), dim=1)
            if len(stops) and done.all():
                break
    return tokens.clone()  # a tensor like any other, that may be trained on


class Hypothesis(NamedTuple):
    """A finished sequence of a beam search."""

    tokens: list[int]
    """What was written, without begin and end."""
    score: float
    """log p / lp: what hypotheses are ranked by."""
    log_probability: float
    """ln p of the tokens and of end, if it was reached, in nats."""


def length_penalty_of(length: int, exponent: float) -> float:
    """lp(Y) for |Y| = length tokens, end included: 1 for one token, and for every length with exponent 0."""
    return ((5 + length) / 6) ** exponent


@torch.no_grad()
def beam_search(
    model: EncoderDecoder,
    source: Tensor,
    *,
    beams: int = 4,
    length_penalty: float = 0.6,
    max_length: int,
    bos: int,
    eos: int,
    source_mask: Bool[Tensor, "..."] | None = None,
    pad: int | None = None,
) -> list[list[Hypothesis]]:
    """Write a target for each source of a batch.

    The source is encoded once; its keys and values, and those of the target so far, are cached, so that a step costs
    one position. A prefix that ends among the best `beams` continuations is finished; a row stops when it has `beams`
    finished ones, or at max_length, where whatever is best ends as it is. With one beam this is greedy.

    Args:
        model: In evaluation mode, or its dropout acts.
        source: (B, S), padded at the end, or whatever the source embedding takes.
        beams: Prefixes kept, K.
        length_penalty: a; 0 ranks by log-probability, and larger values prefer longer sequences.
        max_length: The most tokens written, end included.
        bos: The begin token, written before the first step.
        eos: The end token.
        source_mask: True where the source is real, such as `padding_mask(lengths, S)`; None where nothing is padded.
        pad: A token that is never written; None allows all.

    Returns:
        For each source up to K hypotheses, best first.

    Raises:
        ValueError: If a size is less than 1, or there are not enough tokens for the beams.
    """
    for name, size in (("beams", beams), ("max_length", max_length)):
        if size < 1:
            raise ValueError(f"{name}={size} must be at least 1: nothing would be written")
    V = model.vocab_size
    if 2 * beams > V:
        raise ValueError(f"beams={beams} must be at most half of vocab_size={V}: each step ranks twice as many tokens")
    B = source.shape[0]
    memory = model.encode(source, source_mask=source_mask).repeat_interleave(beams, dim=0)  # (B K, S, D)
    memory_mask = source_mask
    if source_mask is not None and source_mask.ndim == 4 and source_mask.shape[0] == B:
        memory_mask = source_mask.repeat_interleave(beams, dim=0)
    cache = model.new_cache(max_length, memory.shape[1])
    first_rows = torch.arange(B, device=source.device)[:, None] * beams  # where each source's beams begin

    tokens = source.new_empty((B, beams, 0), dtype=torch.int64)
    last = torch.full((B * beams, 1), bos, device=source.device)
    scores = memory.new_full((B, beams), -torch.inf)
    scores[:, 0] = 0.0  # all beams begin alike: only one may be continued, or they would stay alike
    finished: list[list[Hypothesis]] = [[] for _ in range(B)]

    for length in range(1, max_length + 1):
        logits = model.decode(last, memory, memory_mask=memory_mask, cache=cache)[:, -1]
        nats = logits.log_softmax(dim=-1)
        if pad is not None:
            nats[:, pad] = -torch.inf
        continued = scores[:, :, None] + nats.unflatten(0, (B, beams))  # (B, K, V)
        best, where = continued.flatten(start_dim=1).topk(2 * beams)  # enough: of each beam at most one ends
        beam, token = where // V, where % V
        ends = (token == eos) | (length == max_length)
        _collect(finished, tokens, beam, token, best, ends, beams, length, length_penalty, eos)
        if all(len(row) >= beams for row in finished):
            break

        # The first K that go on; `ends` sorts last, and a stable sort keeps the order of the rest.
        kept = ends.long().argsort(dim=1, stable=True)[:, :beams]
        scores, beam, token = (t.gather(1, kept) for t in (best, beam, token))
        tokens = torch.cat((tokens.gather(1, beam[..., None].expand(-1, -1, length - 1)), token[..., None]), dim=2)
        last = token.reshape(-1, 1)
        for own, _ in cache:  # the memory's keys and values are the same for all beams of a source
            own.reorder((first_rows + beam).flatten())
    return [sorted(row, key=lambda hypothesis: -hypothesis.score)[:beams] for row in finished]


def _collect(
    finished: list[list[Hypothesis]],
    tokens: Int[Tensor, "B K T"],
    beam: Tensor,
    token: Tensor,
    best: Tensor,
    ends: Tensor,
    beams: int,
    length: int,
    length_penalty: float,
    eos: int,
) -> None:
    """Add what ends among the best K continuations of each row that still searches."""
    for row, rank in ends[:, :beams].nonzero().tolist():
        score = float(best[row, rank])
        if len(finished[row]) < beams and score > -torch.inf:
            written = tokens[row, beam[row, rank]].tolist()
            if token[row, rank] != eos:
                written.append(int(token[row, rank]))
            finished[row].append(Hypothesis(written, score / length_penalty_of(length, length_penalty), score))
