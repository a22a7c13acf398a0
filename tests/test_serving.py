"""Serving: whoever shares the batch, and wherever keys stand, each text is the one that it would be alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_lib.cache import BlockTables, PagedCache
from transformer_lib.generation import generate
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.serving import Request, next_tokens, serve

SIZES = {"vocab_size": 13, "context_length": 24, "d_model": 16, "n_layers": 2, "n_heads": 4, "d_ff": 32}
MODELS = {
    "gpt": gpt(GPTConfig(**SIZES), torch.Generator().manual_seed(0)).eval().double(),
    "llama": llama(LlamaConfig(n_kv_heads=2, **SIZES), torch.Generator().manual_seed(0)).eval().double(),
}
for model in MODELS.values():
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(1))  # no two tokens nearly alike
REQUESTS = [Request([i % 13, (3 * i + 1) % 13][: 1 + i % 2], n) for i, n in enumerate((3, 9, 1, 17, 2, 12, 5))]


def alone(model, request):
    return generate(model, [request.prompt], request.n_new, temperature=0)[0].tolist()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize(("n_blocks", "size", "most"), [(3, 24, 3), (30, 4, 7), (5, 4, 7), (19, 1, 2)])
def test_every_text_is_the_one_written_alone(name, static, n_blocks, size, most):
    model, tables = MODELS[name], BlockTables(n_blocks, size)
    texts, log = serve(model, REQUESTS, tables, most, static=static)
    assert texts == [alone(model, request) for request in REQUESTS]
    assert sorted(tables.free) == list(range(n_blocks)) and not tables.tables
    assert max(len(done.running) for done in log) <= most
    assert all(done.held <= done.taken <= n_blocks * size for done in log)


def test_continuous_batching_fills_the_places_that_a_static_batch_leaves_empty():
    counts = {}
    for static in (False, True):
        _, log = serve(MODELS["gpt"], REQUESTS, BlockTables(2, 24), 2, static=static)
        counts[static] = [len(done.running) for done in log]
    lengths = [len(prompt) + n - 1 for prompt, n in REQUESTS]  # the last token is written and not read
    assert sum(counts[False]) == sum(lengths)  # nobody runs for nothing
    pairs = [lengths[i : i + 2] for i in range(0, len(lengths), 2)]
    assert len(counts[True]) == sum(map(max, pairs)) > len(counts[False])


def test_a_copy_is_made_when_a_shared_block_is_written_and_not_before():
    model, tables = MODELS["gpt"], BlockTables(6, 4)
    cache, texts = [PagedCache(tables) for _ in model.blocks], [[1, 2, 3, 4, 5, 6], [], []]
    for _ in range(6):
        next_tokens(model, cache, tables, texts, [0])
    for twin, token in ((1, 7), (2, 8)):
        tables.fork(0, twin)
        texts[twin] = [*texts[0], token]
    texts[0].append(9)
    assert tables.tables[0] == tables.tables[1] and len(tables.free) == 4
    found = next_tokens(model, cache, tables, texts, [0, 1, 2])
    assert len({tuple(table) for table in tables.tables.values()}) == 3 and len(tables.free) == 2
    assert len({table[0] for table in tables.tables.values()}) == 1  # a full block is never written again
    assert found == [generate(model, [text], 1, temperature=0)[0, -1].item() for text in texts]
    tables.release(0)
    tables.release(1)
    assert len(tables.free) == 4
    tables.release(2)
    assert len(tables.free) == 6


@given(st.lists(st.tuples(st.sampled_from(["extend", "fork", "release"]), st.integers(0, 4)), max_size=60))
@settings(deadline=None)
def test_no_block_is_ever_lost_or_given_twice(orders):
    tables, content = BlockTables(7, 2), {}  # what each text should hold, position by position
    memory, stamp = {}, 0
    for order, text in orders:
        if order == "extend" and tables.missing([text]) <= len(tables.free):
            tables.extend([text])
            for old, new in tables.copies:
                memory |= {(new, place): memory.get((old, place)) for place in range(2)}
            stamp += 1
            p = int(tables.positions[0])
            memory[tables.tables[text][p // 2], p % 2] = stamp
            content.setdefault(text, []).append(stamp)
        elif order == "fork" and text in content and text + 5 not in content:
            tables.fork(text, text + 5)
            content[text + 5] = list(content[text])
        elif order == "release" and text in content:
            tables.release(text)
            del content[text]
        for name, stamps in content.items():
            table = tables.tables[name]
            assert [memory[table[p // 2], p % 2] for p in range(len(stamps))] == stamps
        used = {block for table in tables.tables.values() for block in table}
        assert sorted([*used, *tables.free]) == list(range(7))


def test_refusals():
    model = MODELS["gpt"]
    with pytest.raises(ValueError, match="n_blocks=0"):
        BlockTables(0)
    tables = BlockTables(1, 2)
    tables.extend(["a"])
    with pytest.raises(ValueError, match="need 1 blocks and 0 are free"):
        tables.extend(["b"])
    with pytest.raises(ValueError, match="one token for each text"):
        PagedCache(tables).append(torch.zeros(2, 4, 1, 4), torch.zeros(2, 4, 1, 4))
    with pytest.raises(ValueError, match=r"texts=\['a', 'a'\] must be different"):
        tables.extend(["a", "a"])
    with pytest.raises(ValueError, match="twin='a' holds 1 positions already"):
        tables.fork("a", "a")
    for call in (lambda: tables.release("b"), lambda: tables.fork("b", "c")):
        with pytest.raises(ValueError, match=r"text='b' must be one of \['a'\]"):
            call()
    assert tables.tables == {"a": [0]} and tables.lengths == {"a": 1} and not tables.free and tables.users == [1]
    with pytest.raises(ValueError, match="tables hold 1 texts and must be empty"):
        serve(model, [Request([1], 1)], tables, 1)
    for requests, most, words in (
        ([Request([], 3)], 1, r"requests\[0\] has a prompt of 0 tokens and n_new=3"),
        ([Request([1], 4)], 1, r"requests\[0\] needs 4 positions, and tables have 1 blocks of 2"),
        ([Request([1], 1)], 0, "most=0"),
    ):
        with pytest.raises(ValueError, match=words):
            serve(model, requests, BlockTables(1, 2), most)
