import dataclasses
import errno
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
from transformer_lib.models.neural_bigram import NeuralBigramConfig
from transformer_lib.models.transformer import TransformerConfig
from transformer_lib.models.whisper import WhisperConfig
from transformer_lib.quantization import Int8Linear
from transformer_lib.training import load, save, saving

CONFIG = MLPConfig(vocab_size=5, context_length=3, d_embedding=4, d_hidden=6)


def build(seed=0):
    return mlp(CONFIG, torch.Generator().manual_seed(seed))


def as_in_the_first_edition(folder):
    """The configuration stands in config.json alone, and nothing has a checksum."""
    save_file(load_file(folder / "model.safetensors"), folder / "model.safetensors")


@dataclasses.dataclass(frozen=True)
class TiedConfig:
    size: int


@registered
def tied(config: TiedConfig):
    model = nn.ModuleDict({"embedding": nn.Embedding(config.size, 4), "output": nn.Linear(4, config.size, bias=False)})
    model["output"].weight = model["embedding"].weight
    return model


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


def test_in_8_bits_a_matrix_comes_back_to_within_half_a_step_and_the_rest_as_it_was(tmp_path):
    model = builders()["gpt"](dataclasses.replace(CONFIGS["gpt"], vocab_size=500), torch.Generator().manual_seed(0))
    before = {name: x.clone() for name, x in model.state_dict().items()}
    save(model, tmp_path, bits=8)
    loaded = load(tmp_path)
    for name, x in loaded.state_dict().items():
        assert x.dtype == torch.float32 and torch.equal(model.state_dict()[name], before[name]), name
        if x.ndim == 2:
            step = before[name].abs().amax(dim=1, keepdim=True) / 127
            assert 0 < (x - before[name]).abs().max() and ((x - before[name]).abs() <= 0.51 * step).all(), name
            assert all(len(row.unique()) <= 255 for row in x)
        else:
            assert torch.equal(x, before[name]), name
    assert loaded.head.weight is loaded.embedding.tokens.weight  # tied as before
    numbers = sum(x.numel() for x in model.parameters())
    assert sum(x.numel() for x in load_file(tmp_path / "model.safetensors").values() if x.dtype == torch.int8) > (
        0.9 * numbers
    )


def test_what_is_loaded_from_8_bits_is_written_as_the_same_file(tmp_path):
    """So a model that is loaded and scored is scored as it is stored."""
    model = randomise(builders()["gpt"](CONFIGS["gpt"]))
    with torch.no_grad():
        model.embedding.tokens.weight[0] *= 1e-6  # a token that was never read
        model.embedding.tokens.weight[1] = 0
    save(model, tmp_path / "first", bits=8)
    save(load(tmp_path / "first"), tmp_path / "second", bits=8)
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("first", "second"))
    assert first == second


def test_what_is_loaded_from_8_bits_is_what_the_packed_product_reads(tmp_path):
    save(build(seed=3), tmp_path, bits=8)
    loaded = load(tmp_path)
    packed = Int8Linear(loaded.hidden)
    assert torch.equal(packed.q.float() * packed.scale.float()[:, None], loaded.hidden.weight)


def test_in_8_bits_a_kernel_and_a_vector_stay_as_they_are(tmp_path):
    model = randomise(builders()["whisper"](CONFIGS["whisper"]))
    save(model, tmp_path, bits=8)
    for name, x in load(tmp_path).state_dict().items():
        assert torch.equal(x, model.state_dict()[name]) == (x.ndim != 2), name


def test_what_cannot_be_rounded_or_read_back_is_refused(tmp_path):
    model = build()
    with pytest.raises(ValueError, match="bits=4 must be 8, or None"):
        save(model, tmp_path, bits=4)
    with torch.no_grad():
        model.hidden.weight[2, 3] = torch.inf
    with pytest.raises(ValueError, match=r"hidden.weight must be finite to be rounded to bits=8"):
        save(model, tmp_path, bits=8)
    assert not os.listdir(tmp_path)

    save(build(), tmp_path, bits=8)
    tensors = load_file(tmp_path / "model.safetensors")
    for scales in ({}, {"hidden.weight.scale": torch.ones(2)}):
        without = {name: x for name, x in tensors.items() if name != "hidden.weight.scale"}
        save_file({**without, **scales}, tmp_path / "model.safetensors")
        with pytest.raises(ValueError, match=r"holds hidden.weight in 8 bits, and not a scale for each of its rows"):
            load(tmp_path)


def test_a_failed_write_leaves_the_last_good_file(tmp_path, monkeypatch):
    save(build(seed=1), tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def disk_full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match=r"no room for the [\d,]+ bytes of .*model.safetensors: make some, or write to"):
        save(build(seed=2), tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["config.json", "model.safetensors"]


def test_a_save_that_is_cut_short_leaves_one_whole_model(tmp_path, monkeypatch):
    """The tensors are the last of the old model or the first of the new, and their configuration is with them."""
    save(build(seed=1), tmp_path)
    larger = mlp(dataclasses.replace(CONFIG, d_hidden=9))

    def killed(path, data):
        raise KeyboardInterrupt

    monkeypatch.setattr(saving, "replace_file", killed)  # after the tensors, before config.json
    with pytest.raises(KeyboardInterrupt):
        save(larger, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["d_hidden"] == 6
    assert load(tmp_path).config.d_hidden == 9
    assert torch.equal(load(tmp_path).hidden.weight, larger.hidden.weight)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(name, tmp_path):
    save(build(), tmp_path)
    as_in_the_first_edition(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing: run"):
        load(tmp_path)


def test_without_config_json_a_model_still_loads(tmp_path):
    save(build(seed=3), tmp_path)
    (tmp_path / "config.json").unlink()
    assert load(tmp_path).config == CONFIG


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_a_damaged_model_is_refused(cut, tmp_path):
    save(build(), tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"model.safetensors is damaged .*: remove it and make it again"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_damaged_configuration_is_refused(content, tmp_path):
    save(build(), tmp_path)
    as_in_the_first_edition(tmp_path)
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config.json is damaged, or no configuration"):
        load(tmp_path)


def test_files_of_two_models_are_refused(tmp_path):
    save(build(), tmp_path)
    as_in_the_first_edition(tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**described, "d_hidden": 7}))
    with pytest.raises(ValueError, match=r"files of two models.*hidden.weight of shape \(6, 12\) must be \(7, 12\)"):
        load(tmp_path)

    (tmp_path / "config.json").write_text(json.dumps({**described, "n_layers": 3}))
    with pytest.raises(ValueError, match=r"does not fit mlp: .*n_layers.* from another version"):
        load(tmp_path)

    (tmp_path / "config.json").write_text(json.dumps({**described, "n_layers": 10**9}))
    with pytest.raises(
        ValueError, match=r"config.json has n_layers=1000000000, and there are 5 tensors: make it again"
    ):
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
        as_in_the_first_edition(tmp_path)
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
