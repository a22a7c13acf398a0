"""Formulas for a training run: against torch's own counts, against papers, and against a ring that is really run."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.planning import (
    KEPT,
    Layout,
    Shape,
    activation_bytes,
    all_reduce_bytes,
    bubble,
    sent_bytes,
    state_bytes,
    training_flops,
    training_seconds,
)
from transformer_lib.published_runs import LLAMA3, RUNS, Fact, Run

SMALL = Shape(
    n_layers=3, d_model=24, n_heads=4, n_kv_heads=4, d_head=6, d_ff=40, vocab_size=50, context_length=16, tables=1
)


def matrices(model) -> int:
    """Entries of all matrices of a model, each counted once, learned positions left out."""
    named = {id(p): p for name, p in model.named_parameters() if p.ndim == 2 and "positions" not in name}
    return sum(p.numel() for p in named.values())


def test_parameters_are_a_gpt_s():
    model = gpt(GPTConfig(vocab_size=50, context_length=16, d_model=24, n_layers=3, n_heads=4, d_ff=40))
    assert SMALL.parameters == matrices(model)


def test_parameters_are_a_llama_s():
    config = LlamaConfig(
        vocab_size=50, context_length=16, d_model=24, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=40, tied=False
    )
    shape = Shape(
        n_layers=2, d_model=24, n_heads=4, n_kv_heads=2, d_head=6, d_ff=40, vocab_size=50, context_length=16,
        ff_matrices=3, tables=2,
    )  # fmt: skip
    assert shape.parameters == matrices(llama(config))


def test_six_operations_per_parameter_are_what_torch_counts():
    """Of the matrix products, forward and backward: the table of a tied model is one more product, and no look-up."""
    model = gpt(GPTConfig(vocab_size=50, context_length=16, d_model=24, n_layers=3, n_heads=4, d_ff=40))
    tokens = torch.zeros(2, 16, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        model(tokens).sum().backward()
    products = sum(n for op, n in counter.get_flop_counts()["Global"].items() if "attention" not in str(op))
    assert products == training_flops(SMALL.parameters, tokens.numel())


def test_attention_s_operations_are_those_of_its_two_products():
    """Scores and weighted sums of all pairs, and twice as many backward."""
    one = 2 * 2 * SMALL.n_heads * SMALL.context_length**2 * SMALL.d_head * SMALL.n_layers
    assert SMALL.attention_flops * SMALL.context_length == 3 * one
    assert training_flops(10, 7, attention=5, passes=8) == (8 * 10 + 5) * 7


def test_states_are_those_of_the_zero_paper():
    """Rajbhandari et al. 2020, Figure 1: 7.5 billion parameters, 64 processes."""
    per_stage = [sum(state_bytes(7.5e9, 64, stage).values()) / 1e9 for stage in range(4)]
    assert [round(gigabytes, 1) for gigabytes in per_stage] == [120.0, 31.4, 16.6, 1.9]
    assert state_bytes(1, 4, 2) == {"weights": 2, "gradients": 0.5, "optimizer": 3}


def test_activations_of_gpt_3_are_mostly_scores():
    """Korthikanti et al. 2022, section 5: 5 a s / h is 80 for GPT-3, beside 34."""
    shape = Shape(
        n_layers=96, d_model=12_288, n_heads=96, n_kv_heads=96, d_head=128, d_ff=49_152, vocab_size=50_257,
        context_length=2048,
    )  # fmt: skip
    size = {kept: activation_bytes(shape, Layout(kept=kept)) for kept in KEPT}
    assert size["everything"] / size["no scores"] == pytest.approx((34 + 80) / 34)
    layer = 34 * 2048 * 12_288
    assert size["layer inputs"] == 96 * 2 * 2048 * 12_288 + layer
    cut = Layout(tensor=8, pipeline=8, micro_batches=64, sequences=2)
    assert activation_bytes(shape, cut) == 96 * 2 * layer / 8  # eight stages hold eight micro-batches of an eighth
    few = Layout(tensor=8, pipeline=8, micro_batches=2)
    assert activation_bytes(shape, few) == 96 * layer / 8 * 2 / 8


def test_bytes_sent():
    assert [all_reduce_bytes(12, n) for n in (1, 2, 3, 4)] == [0, 12, 16, 18]
    N = SMALL.parameters
    assert sent_bytes(SMALL, Layout()) == {"data": 0, "tensor": 0, "pipeline": 0}
    assert sent_bytes(SMALL, Layout(data=4))["data"] == all_reduce_bytes(2 * N, 4)
    assert sent_bytes(SMALL, Layout(data=4, stage=3))["data"] == 1.5 * all_reduce_bytes(2 * N, 4)
    b, s, h, t = (
        2,
        16,
        24,
        4,
    )  # Narayanan et al. 2021, section 3.2: 8 b s h (t - 1) / t numbers per layer and micro-batch
    cut = Layout(tensor=t, sequences=b, micro_batches=5)
    assert sent_bytes(SMALL, cut)["tensor"] == 2 * 5 * 3 * 8 * b * s * h * (t - 1) / t
    assert sent_bytes(SMALL, Layout(pipeline=3, sequences=b))["pipeline"] == 2 * 2 * b * s * h
    assert sent_bytes(SMALL, Layout(data=4, tensor=2, pipeline=3))["data"] == all_reduce_bytes(2 * N / 6, 4)


def test_bubble_is_that_of_a_schedule_played_slot_by_slot():
    for p in (1, 2, 5):
        for m in (1, 3, 8):
            slots = max(stage + i for stage in range(p) for i in range(m)) + 1
            assert bubble(p, m) == pytest.approx(1 - m / slots)


def test_facts_are_reached():
    """Papers' own numbers from their other numbers, within 3%; two say why they are not."""
    ratios = {(run.name, f.quantity): run.computed(f.quantity) / f.value for run in RUNS for f in run.facts}
    apart = {("Llama 2 70B", "gpu_hours"): 0.91, ("Llama 3 405B", "gpu_hours"): 0.86}
    for key, ratio in ratios.items():
        assert ratio == pytest.approx(apart.get(key, 1.0), abs=0.03), key
    assert len(ratios) >= 14


def test_llama_3_s_layout_is_that_of_its_table_4():
    run = next(run for run in RUNS if run.name == "Llama 3 405B")
    assert run.layout is not None and run.layout.processes == run.devices == 16_384
    tokens = run.layout.data * run.layout.micro_batches * LLAMA3.context_length
    assert tokens == pytest.approx(16e6, rel=0.05)  # "16M" in the table


def test_seconds():
    assert training_seconds(1e20, 100, 1e15, 0.5) == 2000
    assert math.isclose(training_seconds(1e20, 200, 1e15, 0.5), 1000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Layout(stage=4), "stage=4 must be 0, 1, 2 or 3"),
        (lambda: Layout(data=0), "data=0 must be above 0"),
        (lambda: Layout(kept="some"), "kept='some' must be one of everything, no scores, layer inputs"),
        (lambda: training_seconds(1, 1, 1, 1.2), "utilization=1.2 must be at most 1"),
        (lambda: training_flops(0, 1), "parameters=0 must be above 0"),
        (lambda: bubble(0, 1), "stages=0 must be above 0"),
        (lambda: RUNS[0].computed("days"), "days of GPT-3 175B needs devices, peak and utilization"),
        (lambda: RUNS[2].computed("weeks"), "quantity='weeks' must be"),
        (
            lambda: Run(name="x", source="", tokens=1, facts=(Fact(quantity="flops", value=1, where=""),)).computed(
                "flops"
            ),
            "x needs a shape or parameters",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
