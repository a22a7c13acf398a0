"""Generation: from a model of the next token to whole sequences, token by token or all at once.

Greedy takes the likeliest token at each step. Beam search keeps the `beams` likeliest prefixes at once, and ranks the
finished sequences Y, which differ in length, by (Wu et al. 2016, arXiv:1609.08144, section 7)

    s(Y) = log p(Y | source) / lp(Y),    lp(Y) = ((5 + |Y|) / 6)^a

since a log-probability only falls as tokens are added. Vaswani et al. 2017, section 6.1, use 4 beams and a = 0.6.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor

from transformer_lib.architectures import EncoderDecoder
from transformer_lib.sampling import penalize_repetition, sample_next

Prompt = Int[Tensor, "B T"] | Sequence[int] | Sequence[Sequence[int]]
"""Token ids: a batch of prompts, one prompt as a list, or a list of prompts, which may differ in length."""


@runtime_checkable
class NextToken(Protocol):
    """What can be continued: a LanguageModel, or whatever reads tokens into a cache and returns logits (B, T, V)."""

    training: bool
    context_length: int | None

    def new_cache(self, capacity: int) -> list[Any]:
        """Room for `capacity` positions, layer by layer."""

    def __call__(self, tokens: Int[Tensor, "B T"], *, cache: Any = ...) -> Tensor:
        """Return the logits of the token after each of these, which follow what the cache holds."""


def generate_tokens(
    model: NextToken,
    prompt: Prompt,
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float = 1.0,
    stop: int | Collection[int] = (),
    lengths: Int[Tensor, " B"] | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Int[Tensor, " B"]]:
    """Continue each prompt of a batch with a KV cache, and yield each column of tokens as it is drawn.

    Past the model's context length the window slides: each token is predicted from the last context_length tokens,
    which are read anew, so that a step then costs a whole window. What was there before the window is forgotten.

    A compiled model writes with a few graphs, however many tokens: `generate_tokens(torch.compile(model), …)`.

    Args:
        model: In evaluation mode.
        prompt: Token ids, at least one a row: (B, T), a list of ids, or a list of such lists.
        max_new_tokens: Tokens written after the T columns of the prompt.
        temperature: See sampling.next_token_probabilities, as for top_k, top_p and min_p; 0 is greedy.
        top_k: Tokens to keep.
        top_p: Probability mass to keep.
        min_p: Fraction of the largest probability to keep.
        repetition_penalty: See sampling.penalize_repetition, with all tokens so far, the prompt's too; 1 is none.
        stop: Tokens, or one token, that end a row: it is filled up with the one that ended it, and when every row has
            ended, no more columns are written.
        lengths: Tokens of each prompt where they differ; what stands after them in `prompt` is written over, so that
            a shorter prompt is continued by more tokens, up to the same column.
        generator: The source of randomness; None takes PyTorch's global one.

    Returns:
        An iterator of the columns (B,) that follow the shortest prompt.

    Raises:
        ValueError: If the model is in training mode, there is nothing to write or to begin with, or a setting of the
            sampling is out of range.
    """
    if model.training:
        raise ValueError("model is in training mode, in which dropout acts: call model.eval() before generating")
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens={max_new_tokens} must be at least 1: nothing would be written")
    prompt, lengths = _as_batch(model, prompt, lengths)
    return _columns(
        model,
        prompt,
        lengths,
        max_new_tokens,
        partial(sample_next, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, generator=generator),
        repetition_penalty,
        torch.tensor([stop] if isinstance(stop, int) else list(stop), dtype=prompt.dtype, device=prompt.device),
    )


def _columns(
    model: NextToken,
    prompt: Tensor,
    lengths: Tensor,
    max_new_tokens: int,
    draw: Callable[[Tensor], Tensor],
    penalty: float,
    stops: Tensor,
) -> Iterator[Tensor]:
    B, T = prompt.shape
    window = model.context_length or T + max_new_tokens
    cache = model.new_cache(min(window, T + max_new_tokens))
    done = torch.zeros(B, dtype=torch.bool, device=prompt.device)
    first, read = int(lengths.min()), 0  # columns that are written already, and those in the cache
    tokens = prompt[:, :first]
    for end in range(first, T + max_new_tokens):
        with torch.inference_mode():
            if end <= window:
                logits = model(tokens[:, read:], cache=cache)[:, -1]
                read = end
            else:
                logits = model(tokens[:, -window:])[:, -1]
            written = draw(logits if penalty == 1 else penalize_repetition(logits, tokens, penalty))
            if end < T:  # some prompts go on for longer than others
                written = torch.where(end < lengths, prompt[:, end], written)
            if len(stops):
                written = torch.where(done, tokens[:, -1], written)
                done = done | (torch.isin(written, stops) & (end >= lengths))
            tokens = torch.cat((tokens, written[:, None]), dim=1)
        yield written.clone()  # outside of inference mode: a tensor like any other, that may be trained on
        if len(stops) and done.all():
            return


def generate(model: NextToken, prompt: Prompt, max_new_tokens: int, **settings: Any) -> Int[Tensor, "B T2"]:
    """Continue each prompt of a batch: the prompts and all that `generate_tokens` yields, in one tensor.

    Args:
        model: In evaluation mode.
        prompt: Token ids, as in `generate_tokens`.
        max_new_tokens: Tokens written after the T columns of the prompt.
        **settings: Those of `generate_tokens`: temperature, top_k, top_p, min_p, repetition_penalty, stop, lengths and
            generator.

    Returns:
        (B, T + new): the prompts and what follows them.

    Raises:
        ValueError: As `generate_tokens`.

    Example:

        >>> from transformer_lib.models.gpt import GPTConfig, gpt
        >>> model = gpt(GPTConfig(vocab_size=11, context_length=8, d_model=16, n_layers=1, n_heads=2, d_ff=32)).eval()
        >>> generate(model, [1, 2, 3], 4, top_k=5).shape  # three tokens, and four more
        torch.Size([1, 7])
    """
    prompt, lengths = _as_batch(model, prompt, settings.pop("lengths", None))
    columns = list(generate_tokens(model, prompt, max_new_tokens, lengths=lengths, **settings))
    return torch.cat((prompt[:, : int(lengths.min())], torch.stack(columns, dim=1)), dim=1)


def _as_batch(model: Any, prompt: Prompt, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Prompts (B, T) and their lengths (B,), on the model's device if they were lists."""
    if not isinstance(prompt, Tensor):
        rows: Sequence[Any] = [prompt] if all(isinstance(token, int) for token in prompt) else prompt
        padded = list(zip_longest(*rows, fillvalue=0))  # (T, B)
        device = next(model.parameters()).device
        lengths = torch.tensor([len(row) for row in rows], device=device) if lengths is None else lengths
        prompt = torch.tensor(padded, dtype=torch.long, device=device).reshape(len(padded), len(rows)).mT
    if prompt.ndim != 2:
        raise ValueError(f"prompt of shape {tuple(prompt.shape)} must be (B, T): prompt[None] is a batch of one")
    B, T = prompt.shape
    lengths = torch.full((B,), T, device=prompt.device) if lengths is None else lengths
    if T == 0 or int(lengths.min()) < 1 or int(lengths.max()) > T:
        raise ValueError(f"lengths={lengths.tolist()} must be in 1..T={T}: begin each prompt with a token, and no more")
    return prompt, lengths


class Hypothesis(NamedTuple):
    """A finished sequence of a beam search."""

    tokens: list[int]
    """What was written, without begin and end."""
    score: float
    """log p / lp: what hypotheses are ranked by."""
    log_probability: float
    """ln p of the tokens and of end, if it was reached, in nats."""


def length_penalty_of(length: int, exponent: float) -> float:
    """lp(Y) for |Y| = length tokens, end included: 1 for one token, and for every length with exponent 0.

    Args:
        length: Tokens written, end included, |Y|.
        exponent: a.
    """
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
    one position. A prefix that ends among the best `beams` continuations is finished, and the best K finished ones are
    kept. The others go on, until none of them can still come to beat the worst of these: its log-probability can only
    fall, so divided by the largest penalty that is left to it, it bounds every score that may follow. At max_length
    whatever is best ends as it is. A source that is done leaves the batch. With one beam this is greedy, which ends
    where it writes end.

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
        ValueError: If a size is less than 1.
    """
    for name, size in (("beams", beams), ("max_length", max_length)):
        if size < 1:
            raise ValueError(f"{name}={size} must be at least 1: nothing would be written")
    B, V = source.shape[0], model.vocab_size
    memory = model.encode(source, source_mask=source_mask)
    memory_mask = None if source_mask is None else _of_each(source_mask, B)
    cache = model.new_cache(max_length, memory.shape[1])
    candidates = 2 * beams if beams > 1 else 1  # of each beam at most one ends, so that K go on; greedy needs no more
    finished = _Finished(B, beams, max_length, eos, like=memory)
    rows = torch.arange(B, device=source.device)  # the sources that are not done, n of them

    tokens = torch.full((B, 1, 1), bos, device=source.device)  # of each its live prefixes: at first there is but one
    scores = memory.new_zeros(B, 1)
    for length in range(1, max_length + 1):
        n, live = scores.shape
        last = tokens[:, :, -1:].flatten(end_dim=1)
        nats = model.decode(last, memory, memory_mask=memory_mask, cache=cache)[:, -1].log_softmax(dim=-1)
        if pad is not None:
            nats[:, pad] = -torch.inf
        continued = (scores[:, :, None] + nats.unflatten(0, (n, live))).flatten(start_dim=1)  # (n, live V)
        best, where = continued.topk(min(candidates, live * V))
        beam, token = where // V, where % V
        tokens = torch.cat((_pick(tokens, beam), token[..., None]), dim=2)
        ends = (token == eos) | (length == max_length)
        ended = best.masked_fill(~ends, -torch.inf)[:, :beams]
        finished.add(rows, tokens[:, :beams, 1:], ended, length_penalty_of(length, length_penalty))

        # The first K that go on; `ends` sorts last, and a stable sort keeps the order of the rest.
        kept = ends.long().argsort(dim=1, stable=True)[:, :beams]
        scores, beam, tokens = (_pick(t, kept) for t in (best.masked_fill(ends, -torch.inf), beam, tokens))
        most = max(length_penalty_of(left, length_penalty) for left in (length + 1, max_length))
        going = scores[:, 0] / most > finished.worst(rows)
        if not going.any():
            break

        parents = (torch.arange(n, device=source.device)[:, None] * live + beam)[going].flatten()
        rows, scores, tokens = rows[going], scores[going], tokens[going]
        if regrouped := len(parents) != len(memory):  # else each beam has a parent of the same source
            memory, memory_mask = memory[parents], None if memory_mask is None else memory_mask[parents]
        for own, of_memory in cache:
            own.reorder(parents)
            if regrouped:
                of_memory.reorder(parents)
    return finished.hypotheses()


class _Finished:
    """The best K hypotheses of each source, best first; those with a score of -inf are still to come."""

    def __init__(self, B: int, beams: int, max_length: int, eos: int, like: Tensor) -> None:
        self._eos = eos
        self._scores = self._nats = like.new_full((B, beams), -torch.inf)
        self._tokens = torch.full((B, beams, max_length), eos, device=like.device)

    def add(self, rows: Int[Tensor, " n"], tokens: Int[Tensor, "n K T"], nats: Tensor, penalty: float) -> None:
        """Rank more sequences, of the same length, among those of some sources; nats of -inf adds none."""
        tokens = F.pad(tokens, (0, self._tokens.shape[2] - tokens.shape[2]), value=self._eos)
        merged = [
            torch.cat((old[rows], new), dim=1)
            for old, new in ((self._scores, nats / penalty), (self._nats, nats), (self._tokens, tokens))
        ]
        order = merged[0].argsort(dim=1, descending=True, stable=True)[:, : self._scores.shape[1]]
        self._scores, self._nats, self._tokens = (
            old.index_copy(0, rows, _pick(new, order))
            for old, new in zip((self._scores, self._nats, self._tokens), merged, strict=True)
        )

    def worst(self, rows: Int[Tensor, " n"]) -> Tensor:
        """The score to beat, for each of these sources: -inf until there are K."""
        return self._scores[rows, -1]

    def hypotheses(self) -> list[list[Hypothesis]]:
        """All of them; what follows the first end is filling."""
        table = zip(self._tokens.tolist(), self._scores.tolist(), self._nats.tolist(), strict=True)
        return [
            [
                Hypothesis(written[: written.index(self._eos)] if self._eos in written else written, score, nats)
                for written, score, nats in zip(*row, strict=True)
                if score > -math.inf
            ]
            for row in table
        ]


def _pick(of_beams: Tensor, beam: Int[Tensor, "n K"]) -> Tensor:
    """Of each row of (n, beams, …) some of its beams: (n, K, …)."""
    return torch.take_along_dim(of_beams, beam if of_beams.ndim == 2 else beam[..., None], dim=1)


def _of_each(mask: Bool[Tensor, "..."], B: int) -> Bool[Tensor, "B _ _ S"]:
    """A mask of four dimensions with a row for each source."""
    return mask[(None,) * (4 - mask.ndim)].expand(B, -1, -1, -1)
