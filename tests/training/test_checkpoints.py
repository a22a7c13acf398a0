import dataclasses
import json
import os
from pathlib import Path

import pytest
import torch
from comparisons import randomise
from safetensors.torch import load_file, save_file
from torch import nn

from transformer_lib.models.bert import BertConfig
from transformer_lib.models.builders import builders, registered
from transformer_lib.models.gpt import GPTConfig
from transformer_lib.models.llama import LlamaConfig
from transformer_lib.models.mlp import MLPConfig, mlp
from transformer_lib.models.neural_bigram import NeuralBigramConfig, neural_bigram
from transformer_lib.models.transformer import TransformerConfig
from transformer_lib.models.whisper import WhisperConfig
from transformer_lib.training import load, load_checkpoint, save, save_checkpoint

CONFIG = MLPConfig(vocab_size=5, context_length=3, d_embedding=4, d_hidden=6)


def build(seed=0):
    return mlp(CONFIG, torch.Generator().manual_seed(seed))


@dataclasses.dataclass(frozen=True)
class TiedConfig:
    size: int


@registered
def tied(config: TiedConfig):
    model = nn.ModuleDict({"embedding": nn.Embedding(config.size, 4), "output": nn.Linear(4, config.size, bias=False)})
    model["output"].weight = model["embedding"].weight
    return model


# --- models ------------------------------------------------------------------------------------------------------


def test_a_model_comes_back_as_it_was(tmp_path):
    model = build(seed=3)
    save(model, tmp_path / "a" / "b")
    loaded = load(tmp_path / "a" / "b")
    assert not loaded.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])
    assert json.loads((tmp_path / "a" / "b" / "config.json").read_text()) == {
        "model": "mlp", "vocab_size": 5, "context_length": 3, "d_embedding": 4, "d_hidden": 6,
    }  # fmt: skip
    assert sorted(os.listdir(tmp_path / "a" / "b")) == ["config.json", "model.safetensors"]


def test_a_shared_weight_is_written_once_and_comes_back_shared(tmp_path):
    model = tied(TiedConfig(100))
    save(model, tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size < 100 * 4 * 4 * 1.5
    loaded = load(tmp_path)
    assert loaded["output"].weight is loaded["embedding"].weight
    assert torch.equal(loaded["output"].weight, model["output"].weight)


def test_a_model_in_half_precision_comes_back_in_the_precision_it_is_built_in(tmp_path):
    model = build(seed=3)
    expected = {name: value.half().float() for name, value in model.state_dict().items()}
    save(model.half(), tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size < sum(
        2 * value.numel() for value in expected.values()
    ) + 1000
    loaded = load(tmp_path).state_dict()
    assert all(value.dtype == torch.float32 for value in loaded.values())
    assert all(torch.equal(loaded[name], value) for name, value in expected.items())


def test_a_failed_write_leaves_the_last_good_file(tmp_path, monkeypatch):
    save(build(seed=1), tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def disk_full(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save(build(seed=2), tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(name, tmp_path):
    save(build(), tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name}.*recipe"):
        load(tmp_path)


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_a_damaged_model_is_refused(cut, tmp_path):
    save(build(), tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"model.safetensors is damaged .*: remove it and make it again"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_damaged_configuration_is_refused(content, tmp_path):
    save(build(), tmp_path)
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config.json is damaged, or no configuration"):
        load(tmp_path)


def test_files_of_two_models_are_refused(tmp_path):
    save(build(), tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**described, "d_hidden": 7}))
    with pytest.raises(ValueError, match=r"files of two models.*hidden.weight of shape \(6, 12\) must be \(7, 12\)"):
        load(tmp_path)

    (tmp_path / "config.json").write_text(json.dumps({**described, "n_layers": 7}))
    with pytest.raises(ValueError, match=r"does not fit mlp: .*n_layers.* from another version"):
        load(tmp_path)

    (tmp_path / "config.json").write_text(json.dumps({**described, "model": "resnet"}))
    with pytest.raises(ValueError, match=r"holds a 'resnet', which must be one of \['bert', .*: import what registers"):
        load(tmp_path)


SIZES = {"vocab_size": 7, "d_model": 8, "n_layers": 1, "n_heads": 2, "d_ff": 6}
CONFIGS = {
    "gpt": GPTConfig(**SIZES, context_length=5, dropout=0.1),
    "llama": LlamaConfig(**SIZES, context_length=5, tied=True),
    "bert": BertConfig(**SIZES, context_length=5),
    "bert_for_pre_training": BertConfig(**SIZES, context_length=5),
    "transformer": TransformerConfig(**SIZES),
    "rotary_transformer": TransformerConfig(**SIZES, source_vocab_size=3),
    "whisper": WhisperConfig(**SIZES, source_length=4, context_length=4),
    "neural_bigram": NeuralBigramConfig(vocab_size=5),
}


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_every_builder_is_found_again(name, older, tmp_path):
    model = randomise(builders()[name](CONFIGS[name]))
    assert model.config == CONFIGS[name]
    save(model, tmp_path)
    if older:  # the first edition wrote the name of the configuration, and not that of the builder
        described = json.loads((tmp_path / "config.json").read_text())
        assert described.pop("model") == name
        (tmp_path / "config.json").write_text(json.dumps({"config": type(CONFIGS[name]).__name__, **described}))
    before = torch.get_rng_state()
    loaded = load(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)  # nothing was drawn
    assert loaded.config == model.config and loaded.builder == name
    assert [n for n, _ in loaded.named_parameters()] == [n for n, _ in model.named_parameters()]  # shared as before
    for (n, x), y in zip(loaded.state_dict().items(), model.state_dict().values(), strict=True):
        assert torch.equal(x, y), n
    assert [p.requires_grad for p in loaded.parameters()] == [p.requires_grad for p in model.parameters()]


def test_tensors_load_under_the_names_of_the_first_edition(tmp_path):
    model = randomise(builders()["whisper"](CONFIGS["whisper"]))
    save(model, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    for name in list(tensors):
        older = name.replace("conv1", "narrow").replace("conv2", "halve")
        tensors[older] = tensors.pop(name)
    assert "source_embedding.halve.bias" in tensors
    save_file(tensors, tmp_path / "model.safetensors")
    assert all(torch.equal(x, y) for x, y in zip(model.parameters(), load(tmp_path).parameters(), strict=True))


def test_the_books_own_folders_load():
    folders = [path.parent for path in (Path(__file__).resolve().parents[2] / "trained").glob("*/config.json")]
    made = {folder.name: load(folder).builder for folder in folders}
    assert len(made) >= 8
    assert made["bert"] == "bert_for_pre_training" and made["bert_twin"] == "bert"
    assert made["pronunciation"] == "rotary_transformer" and made["translation"] == "transformer"


@pytest.mark.parametrize("wrap", ["whole", "blocks"])
def test_a_compiled_model_is_written_under_plain_names(wrap, tmp_path):
    model = builders()["gpt"](CONFIGS["gpt"])
    expected = {name: x.clone() for name, x in model.state_dict().items()}
    if wrap == "whole":
        wrapped = torch.compile(model, backend="eager")
    else:
        wrapped = model
        for i, block in enumerate(model.blocks):
            model.blocks[i] = torch.compile(block, backend="eager")
    save(wrapped, tmp_path)
    loaded = load(tmp_path).state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[name], x) for name, x in expected.items())


def test_only_what_can_be_built_again_is_written(tmp_path):
    with pytest.raises(ValueError, match="model is a Linear without a configuration: build it with a builder"):
        save(nn.Linear(2, 2), tmp_path)
    model = builders()["gpt"](CONFIGS["gpt"])
    model.head.weight = nn.Parameter(torch.zeros(7, 8))
    with pytest.raises(ValueError, match=r"not as gpt\(\) builds it of model.config: .*unknown \['head.weight'\]"):
        save(model, tmp_path)
    assert not os.listdir(tmp_path)


class Counting(torch.optim.SGD):
    """An optimizer whose state has a number in it, which decides its next step."""

    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["count"] = self.state[parameter].get("count", 0) + 1
                parameter.data.add_(self.state[parameter]["count"])


# --- checkpoints -------------------------------------------------------------------------------------------------


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

    refused(r"is of a run with \{'steps': 9\}, not \{'steps': 8\}: remove it", config=8)
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
