"""Serving: many texts written at once, each entering and leaving the batch at any pass.

A pass writes one token of every text that is running. After each pass, finished texts leave and waiting ones take their
places: continuous batching, the iteration-level scheduling of Yu et al. (2022, OSDI, section 3). A static batch stays
together until its longest text is finished. Keys and values stand in blocks (`cache.BlockTables`); if none is free, the
youngest text gives its own back, waits, and is read again (Kwon et al. 2023, section 4.5).
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from transformer_lib.architectures import LanguageModel
from transformer_lib.cache import BlockTables, PagedCache


class Request(NamedTuple):
    """A prompt, and how many tokens are to be written after it."""

    prompt: list[int]
    n_new: int


class Pass(NamedTuple):
    """What one pass did: the texts that ran, the positions that they held, and the positions of all blocks in use."""

    running: list[int]
    held: int
    taken: int


@torch.inference_mode()
def serve(
    model: LanguageModel, requests: Sequence[Request], tables: BlockTables, most: int, *, static: bool = False
) -> tuple[list[list[int]], list[Pass]]:
    """Write the greedy text of every request, first come, first served.

    Args:
        model: In evaluation mode.
        requests: In the order in which they came; all are there at the start.
        tables: The memory, empty.
        most: Texts that run at once.
        static: Whether a batch stays together until its longest text is finished.

    Returns:
        The texts with their prompts, and what each pass did.

    Raises:
        ValueError: If the memory is not empty, a request does not fit into it or has nothing to do, or most is below 1.
    """
    if tables.tables:
        raise ValueError(f"tables hold {len(tables.tables)} texts and must be empty: release them, or make new ones")
    for number, (prompt, n_new) in enumerate(requests):
        if not prompt or n_new < 1:
            raise ValueError(
                f"requests[{number}] has a prompt of {len(prompt)} tokens and n_new={n_new}; both must be at least 1: "
                "leave it out"
            )
        if (needed := len(prompt) + n_new - 1) > tables.n_blocks * tables.size:
            raise ValueError(
                f"requests[{number}] needs {needed} positions, and tables have {tables.n_blocks} blocks of "
                f"{tables.size}: give them more, or ask for less"
            )
    if most < 1:
        raise ValueError(f"most={most} must be at least 1: no text would ever run")
    cache = [PagedCache(tables) for _ in model.blocks]
    goals = [len(prompt) + n_new for prompt, n_new in requests]
    texts = [list(prompt) for prompt, _ in requests]
    waiting, running, log = deque(range(len(requests))), list[int](), list[Pass]()
    while waiting or running:
        if not static or not running:
            while waiting and len(running) < most and fits(texts[waiting[0]], running, tables):
                running.append(waiting.popleft())
        while tables.missing(running) > len(tables.free):
            waiting.appendleft(running.pop())
            tables.release(waiting[0])
        for number, token in zip(running, next_tokens(model, cache, tables, texts, running), strict=True):
            if tables.lengths[number] == len(texts[number]):  # its prompt is read
                texts[number].append(token)
        taken = tables.size * (tables.n_blocks - len(tables.free))
        log.append(Pass(list(running), sum(tables.lengths.values()), taken))
        finished = [number for number in running if len(texts[number]) >= goals[number]]
        if not static or len(finished) == len(running):
            for number in finished:
                tables.release(number)
                running.remove(number)
    return [text[:goal] for text, goal in zip(texts, goals, strict=True)], log


def fits(text: Sequence[int], running: Iterable[int], tables: BlockTables) -> bool:
    """Whether there are blocks for a text as it is, and for the next token of each that is running.

    Args:
        text: What there is of it so far.
        running: The numbers of the texts that come first.
        tables: The memory.
    """
    return tables.missing(running) + math.ceil(len(text) / tables.size) <= len(tables.free)


@torch.inference_mode()
def next_tokens(
    model: LanguageModel,
    cache: Sequence[PagedCache],
    tables: BlockTables,
    texts: Sequence[list[int]],
    running: Sequence[int],
) -> list[int]:
    """Read one more token of each running text, and return the likeliest after it.

    Args:
        model: In evaluation mode.
        cache: One a layer, with these tables.
        tables: Extended here by one token of each text.
        texts: Tokens of every text; the first that is not in the cache is read.
        running: The numbers of the texts in this pass.
    """
    tables.extend(running)
    at = tables.positions[:, None]
    tokens = torch.tensor([[texts[number][place]] for number, place in zip(running, at[:, 0].tolist(), strict=True)])
    seen = torch.arange(int(at.max()) + 1) <= at  # (B, S): no further than the text goes
    logits = model(tokens, positions=at, mask=seen[:, None, None], cache=cache)
    return logits[:, 0].argmax(dim=-1).tolist()
