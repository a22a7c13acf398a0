import math

import pytest
import torch

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.models.mup import begin_as_base, mup_groups
from transformer_lib.training import next_token_loss

SIZES = {"vocab_size": 16, "context_length": 16, "n_layers": 2, "n_heads": 4, "tied": False}
BASE = 32


def build(d_model: int, **changes) -> torch.nn.Module:
    return gpt(GPTConfig(d_model=d_model, d_ff=4 * d_model, **SIZES | changes), torch.Generator().manual_seed(d_model))


def rates(model, base, lr: float) -> dict[str, float]:
    names = {id(weight): name for name, weight in model.named_parameters()}
    return {names[id(weight)]: group["lr"] for group in mup_groups(model, base, lr) for weight in group["params"]}


def moved(d_model: int, *, mup: bool, steps: int = 5, lr: float = 0.01) -> dict[str, float]:
    """How far the coordinates of the last block, and of the logits, move in a few steps of Adam."""
    model, base = build(d_model), build(BASE)
    if mup:
        begin_as_base(model, base)
    optimizer = torch.optim.Adam(mup_groups(model, base, lr) if mup else model.parameters(), lr)
    tokens = torch.randint(16, (8, 17), generator=torch.Generator().manual_seed(1))
    seen = {}
    for name, module in {"block": model.blocks[-1], "logits": model.head}.items():
        module.register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out.detach()))
    batch = tokens[:, :-1], tokens[:, 1:]
    model(batch[0])
    before = dict(seen)
    for _ in range(steps):
        optimizer.zero_grad()
        next_token_loss(model, batch).backward()
        optimizer.step()
    model(batch[0])
    return {name: float((seen[name] - before[name]).abs().mean()) for name in seen}


def test_activations_move_alike_at_every_width_and_in_the_standard_form_grow_with_it():
    widths = (BASE, 2 * BASE, 4 * BASE, 8 * BASE)
    with_mup, standard = ([moved(width, mup=mup) for width in widths] for mup in (True, False))
    for name in ("block", "logits"):
        sizes = [one[name] for one in with_mup]
        assert max(sizes) < 1.5 * min(sizes)
    assert standard[-1]["block"] > 20 * standard[0]["block"]
    assert standard[-1]["logits"] > 1.8 * standard[0]["logits"]


def test_beside_a_base_of_its_own_width_nothing_changes():
    model, base = build(BASE), build(BASE)
    begin_as_base(model, base)
    for weight, expected in zip(model.parameters(), base.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=0, atol=0)
    [group] = mup_groups(model, base, 0.004)
    assert group["lr"] == 0.004 and len(group["params"]) == len(list(model.parameters()))


def test_rates_and_starts_are_those_of_the_paper():
    ratio = 4
    model, base = build(BASE * ratio), build(BASE)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    begin_as_base(model, base)
    starts = {name: float(weight.detach().norm() / before[name].norm()) for name, weight in model.named_parameters()}
    of_rate = rates(model, base, 1.0)
    block = "blocks.0."
    for name, start, rate in (
        ("embedding.tokens.weight", 1, 1),
        ("embedding.positions.table.weight", 1, 1),
        (f"{block}attention.w_k.weight", ratio**-0.5, 1 / ratio),
        (f"{block}attention.w_q.weight", 1 / ratio, ratio**-1.5),  # and 1 / d_head in place of its root
        (f"{block}feed_forward.up.weight", ratio**-0.5, 1 / ratio),
        (f"{block}feed_forward.down.weight", ratio**-0.5, 1 / ratio),
        ("head.weight", 1 / ratio, 1 / ratio),
        ("norm.weight", 1, 1),
    ):
        assert starts[name] == pytest.approx(start, rel=1e-5), name
        assert of_rate[name] == pytest.approx(rate), name
    assert of_rate[f"{block}attention.w_v.bias"] == of_rate[f"{block}feed_forward.up.bias"] == 1


def test_scores_are_divided_by_the_width_of_a_head():
    """The query map of a model that muP began makes the scores of one whose maps are the base's kind, over d_head."""
    model, base = build(4 * BASE), build(BASE)
    plain = build(4 * BASE)
    begin_as_base(model, base)
    for module in plain.modules():  # hidden matrices alone, without what is for the scores
        if isinstance(module, torch.nn.Linear):
            module.weight.data /= 2
    x = torch.randn(1, 3, 4 * BASE, generator=torch.Generator().manual_seed(0))
    ours, other = model.blocks[0].attention, plain.blocks[0].attention
    torch.testing.assert_close(ours.w_k(x), other.w_k(x))
    d_head, of_base = ours.d_head, base.blocks[0].attention.d_head
    torch.testing.assert_close(ours.w_q(x) / math.sqrt(d_head), other.w_q(x) * math.sqrt(of_base) / d_head)


def test_more_heads_of_one_width_leave_the_scores_alone():
    model, base = build(4 * BASE, n_heads=16), build(BASE, n_heads=4)
    of_rate = rates(model, base, 1.0)
    assert of_rate["blocks.1.attention.w_q.weight"] == of_rate["blocks.1.attention.w_k.weight"] == 1 / 4


def test_any_language_model_of_the_library_will_do_and_the_base_needs_no_memory():
    def build_llama(d_model: int):
        return llama(
            LlamaConfig(
                vocab_size=16, context_length=16, d_model=d_model, n_layers=1, n_heads=4, d_ff=2 * d_model, tied=False
            )
        )

    model = build_llama(64)
    with torch.device("meta"):
        base = build_llama(32)
    begin_as_base(model, base)
    assert rates(model, base, 1.0)["blocks.0.feed_forward.gate.weight"] == 1 / 2
    assert sum(len(group["params"]) for group in mup_groups(model, base, 1.0)) == len(list(model.parameters()))


def test_a_head_that_is_the_embedding_is_refused():
    with pytest.raises(ValueError, match="tied=False"):
        begin_as_base(build(64, tied=True), build(32, tied=True))


def test_a_base_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="base must be model at another width"):
        mup_groups(build(64), build(32, n_layers=1), 0.01)
