import random

import pytest
import torch
from torch import nn

from transformer_lib.models.mlp import MLPConfig, mlp
from transformer_lib.models.neural_bigram import NeuralBigramConfig, neural_bigram
from transformer_lib.training import load_checkpoint, save, save_checkpoint
from transformer_lib.training.checkpoints import optimizer_settings

CONFIG = MLPConfig(vocab_size=5, context_length=3, d_embedding=4, d_hidden=6)


def build(seed=0):
    return mlp(CONFIG, torch.Generator().manual_seed(seed))


class Counting(torch.optim.SGD):
    """An optimizer whose state has a number in it, which decides its next step."""

    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["count"] = self.state[parameter].get("count", 0) + 1
                parameter.data.add_(self.state[parameter]["count"])


def written(path, optimizer_class=torch.optim.AdamW, **options):
    model = build()
    optimizer = optimizer_class(model.parameters(), lr=0.1, **options)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.arange(5)[None]).square().sum().backward()
        optimizer.step()
    generator = torch.Generator().manual_seed(5)
    save_checkpoint(path, model, optimizer, {"data": generator}, config={"steps": 9}, record={"x": 0.1})
    return model, optimizer, generator


@pytest.mark.parametrize(
    ("optimizer_class", "options"),
    [
        (torch.optim.AdamW, {"betas": (0.8, 0.9)}),
        (torch.optim.SGD, {"momentum": 0.9}),
        (torch.optim.SGD, {}),
        (Counting, {}),
    ],
)
def test_a_checkpoint_restores_model_optimizer_and_randomness(optimizer_class, options, tmp_path):
    torch.manual_seed(4)
    model, optimizer, generator = written(tmp_path / "run", optimizer_class, **options)
    expected = torch.rand(3), torch.rand(3, generator=generator)

    fresh = build(seed=1)
    fresh_optimizer = optimizer_class(fresh.parameters(), lr=7.0)
    fresh_generator = torch.Generator()
    torch.manual_seed(0)
    record = load_checkpoint(tmp_path / "run", fresh, fresh_optimizer, {"data": fresh_generator}, config={"steps": 9})
    assert record == {"x": 0.1}
    assert torch.equal(torch.rand(3), expected[0]) and torch.equal(
        torch.rand(3, generator=fresh_generator), expected[1]
    )
    for a, b in ((model, optimizer), (fresh, fresh_optimizer)):  # the next step of both
        b.zero_grad()
        a(torch.arange(5)[None]).square().sum().backward()
        b.step()
    for name, value in model.state_dict().items():
        assert torch.equal(value, fresh.state_dict()[name])
    assert fresh_optimizer.param_groups[0]["lr"] == 0.1


class Odd(torch.optim.SGD):
    """An optimizer with a state of many kinds, some of which JSON would change."""

    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                state.setdefault("pair", (1, torch.full((2,), 0.25), ("a", None)))
                state.setdefault("by_step", {3: [True, 0.1], (1, 2): float("inf")})
        return super().step(closure)


def test_an_optimizer_comes_back_as_it_was_with_tuples_and_a_learning_rate_that_is_a_tensor(tmp_path):
    model, optimizer, _ = written(tmp_path / "run", Odd, momentum=0.5)
    optimizer.param_groups[0]["lr"] = torch.tensor(0.1, dtype=torch.float64)
    optimizer.param_groups[0]["betas"] = (0.8, 0.9)
    save_checkpoint(tmp_path / "run", model, optimizer, {}, config={}, record={})
    fresh = build(seed=1)
    other = Odd(fresh.parameters(), lr=torch.tensor(7.0), momentum=0.5)
    other.param_groups[0]["betas"] = (0.0, 0.0)
    load_checkpoint(tmp_path / "run", fresh, other, {}, config={})
    [one], [two] = optimizer.state_dict()["param_groups"], other.state_dict()["param_groups"]
    assert one == two and type(two["betas"]) is tuple and two["lr"].dtype == torch.float64
    for parameter, same in zip(model.parameters(), fresh.parameters(), strict=True):
        state, again = optimizer.state[parameter], other.state[same]
        assert torch.equal(state["momentum_buffer"], again["momentum_buffer"])
        assert again["by_step"] == {3: [True, 0.1], (1, 2): float("inf")}
        assert type(again["pair"]) is tuple and again["pair"][2] == ("a", None)
        assert torch.equal(again["pair"][1], torch.full((2,), 0.25))


def test_a_compiled_model_and_a_plain_one_go_on_from_the_same_checkpoint(tmp_path):
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    save_checkpoint(
        tmp_path / "run", torch.compile(model, backend="eager"), optimizer, {}, config={}, record={"step": 1}
    )
    fresh = build(seed=1)
    load_checkpoint(tmp_path / "run", fresh, torch.optim.SGD(fresh.parameters(), lr=0.1), {}, config={})
    assert all(torch.equal(x, y) for x, y in zip(model.parameters(), fresh.parameters(), strict=True))


def test_checkpoints_of_other_runs_and_other_files_are_refused(tmp_path):
    written(tmp_path / "run")
    model, data = build(seed=1), {"data": torch.Generator()}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    adamw = torch.optim.AdamW(model.parameters())
    sgd = torch.optim.SGD(model.parameters())
    two_groups = torch.optim.AdamW([{"params": [parameter]} for parameter in model.parameters()])
    save(model, tmp_path)

    def refused(message, path="run", optimizer=adamw, model=model, config=9):
        with pytest.raises(ValueError, match=message):
            load_checkpoint(tmp_path / path, model, optimizer, data, config={"steps": config})

    refused(r"is of a run with steps=9, not steps=8: set it as it was, name it in changed=\[…\]", config=8)
    refused("is no checkpoint of a run", path="model.safetensors")
    with pytest.raises(ValueError, match=r"generators=\[\] must be those in .*run, \['data'\]: give"):
        load_checkpoint(tmp_path / "run", model, adamw, {}, config={"steps": 9})
    refused(r"optimizer must have parameter groups of \[5\]", optimizer=two_groups)
    refused(r"optimizer must have the settings of the one in .*run, but .*'betas'.* are only in one", optimizer=sgd)
    other = neural_bigram(NeuralBigramConfig(vocab_size=5))
    refused("does not fit this model: embedding.weight is .* there and missing here", model=other)
    (tmp_path / "run").write_bytes((tmp_path / "run").read_bytes()[:-1])
    refused("run is damaged")
    for name, value in before.items():
        assert torch.equal(value, model.state_dict()[name])


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_is_refused_wherever_it_is(seed, tmp_path):
    written(tmp_path / "run")
    data, draw, refusals = (tmp_path / "run").read_bytes(), random.Random(seed), 0
    model = build(seed=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(60):
        flipped = bytearray(data)
        flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        (tmp_path / "run").write_bytes(flipped)
        adamw, generators = torch.optim.AdamW(model.parameters()), {"data": torch.Generator()}
        try:
            load_checkpoint(tmp_path / "run", model, adamw, generators, config={"steps": 9})
        except ValueError as error:
            assert "run is damaged (" in str(error)
            refusals += 1
            assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert refusals == 60


def test_several_generators_come_back_each_to_its_own_place(tmp_path):
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    draws = {name: torch.Generator().manual_seed(seed) for seed, name in enumerate(("data", "masks", "noise"))}
    torch.rand(7, generator=draws["masks"])
    save_checkpoint(tmp_path / "run", model, optimizer, draws, config={}, record={})
    expected = {name: torch.rand(3, generator=generator) for name, generator in draws.items()}
    again = {name: torch.Generator() for name in ("noise", "data", "masks")}
    load_checkpoint(tmp_path / "run", model, optimizer, again, config={})
    for name, generator in again.items():
        assert torch.equal(torch.rand(3, generator=generator), expected[name]), name


def test_a_model_without_one_of_the_tensors_is_refused(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    save_checkpoint(tmp_path / "run", model, optimizer, {}, config={}, record={})
    model.register_buffer("mean", torch.ones(2))
    with pytest.raises(ValueError, match="does not fit this model: mean is missing there and"):
        load_checkpoint(tmp_path / "run", model, optimizer, {}, config={})
    assert torch.equal(model.mean, torch.ones(2))


def test_settings_that_are_named_are_taken_over(tmp_path):
    def adamw(model, **options):
        return torch.optim.AdamW(model.parameters(), lr=0.1, **options)

    model = build()
    optimizer = adamw(model)
    settings = optimizer_settings(optimizer) | {"steps": 9}
    save_checkpoint(tmp_path / "run", model, optimizer, {}, config=settings, record={})
    other = adamw(model, betas=(0.8, 0.9), weight_decay=0.3)
    now = optimizer_settings(other) | {"steps": 10}
    for changed in ((), ["steps"], ["steps", "optimizer.0.betas"], ["optimizer", "step"]):
        with pytest.raises(ValueError, match=r"is of a run with"):
            load_checkpoint(tmp_path / "run", model, other, {}, config=now, changed=changed)
    assert other.param_groups[0]["betas"] == (0.8, 0.9)
    load_checkpoint(tmp_path / "run", model, other, {}, config=now, changed=["steps", "optimizer"])
    assert other.param_groups[0]["betas"] == (0.8, 0.9) and other.param_groups[0]["weight_decay"] == 0.3
    load_checkpoint(tmp_path / "run", model, adamw(model), {}, config=settings)
