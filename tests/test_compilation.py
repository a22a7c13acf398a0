"""Every model runs as one graph: compiled, in a training step, exported, on `meta`, and writing with a cache."""

import shutil
from collections.abc import Callable
from typing import NamedTuple

import jaxtyping
import pytest
import torch
import torch.nn.functional as F
from comparisons import randomise
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter
from torch.export import Dim, export

from transformer_lib.generation import generate
from transformer_lib.masks import padding_mask
from transformer_lib.models.bert import BertConfig, bert
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.models.prefix_lm import PrefixLM
from transformer_lib.models.rotary_transformer import rotary_transformer
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.models.whisper import WhisperConfig, whisper

V, SIZES = 13, {"vocab_size": 13, "d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 12}
BATCH, LENGTH = Dim("batch", max=64), Dim("length", max=15)


class Case(NamedTuple):
    """A model, how its inputs are drawn for B sequences of T, and which of their axes are free."""

    build: Callable[[], nn.Module]
    inputs: Callable[[int, int], dict[str, Tensor]]
    free: dict[str, dict[int, object]]


def text(*shape: int) -> Tensor:
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(sum(shape)))


def padding(B: int, S: int) -> Tensor:
    return padding_mask(torch.arange(B) % S + 1, S)


def pair(B: int, T: int) -> dict[str, Tensor]:
    return {"source": text(B, T), "target": text(B, T), "source_mask": padding(B, T)}


TOKENS, MASK = {0: BATCH, 1: LENGTH}, {0: BATCH, 3: LENGTH}
PAIR = {"source": TOKENS, "target": TOKENS, "source_mask": MASK}
CASES = {
    "gpt": Case(
        lambda: gpt(GPTConfig(context_length=16, **SIZES)), lambda B, T: {"tokens": text(B, T)}, {"tokens": TOKENS}
    ),
    "llama": Case(
        lambda: llama(LlamaConfig(context_length=16, n_kv_heads=1, **SIZES)),
        lambda B, T: {"tokens": text(B, T)},
        {"tokens": TOKENS},
    ),
    "bert": Case(
        lambda: bert(BertConfig(context_length=16, **SIZES)),
        lambda B, T: {"tokens": text(B, T), "mask": padding(B, T)},
        {"tokens": TOKENS, "mask": MASK},
    ),
    "prefix": Case(
        lambda: PrefixLM(gpt(GPTConfig(context_length=16, **SIZES))),
        lambda B, T: {"tokens": text(B, T), "prefix_lengths": torch.arange(B) % T},
        {"tokens": TOKENS, "prefix_lengths": {0: BATCH}},
    ),
    "transformer": Case(lambda: transformer(TransformerConfig(dropout=0.0, **SIZES)), pair, PAIR),
    "rotary transformer": Case(lambda: rotary_transformer(TransformerConfig(dropout=0.0, **SIZES)), pair, PAIR),
    "whisper": Case(
        lambda: whisper(WhisperConfig(n_mels=4, source_length=20, context_length=16, **SIZES)),
        lambda B, T: {"source": torch.ones(B, 4, 2 * T).cumsum(dim=2).sin(), "target": text(B, T)},
        {"source": {0: BATCH, 2: 2 * LENGTH}, "target": TOKENS},
    ),
}
every_model = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@pytest.fixture(autouse=True)
def outside_the_shape_checks():
    """A graph is captured of the library's own code, without what checks its signatures in tests."""
    jaxtyping.config.update("jaxtyping_disable", True)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()
    jaxtyping.config.update("jaxtyping_disable", False)


def training_step(model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    logits = model(**inputs)
    return F.cross_entropy(logits.flatten(end_dim=-2), inputs.get("tokens", inputs.get("target")).flatten())


@every_model
def test_the_forward_of_a_training_step_is_one_graph(case):
    """A memo, or a question about values, would stop this with what broke the graph."""
    model, inputs = randomise(case.build()).train(), case.inputs(2, 6)
    counter = CompileCounter()
    step = torch.compile(training_step, fullgraph=True, backend=counter)
    gradients = []
    for run in (step, training_step):
        model.zero_grad()
        loss = run(model, inputs)
        loss.backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters() if parameter.requires_grad])
    torch.testing.assert_close(gradients[0], gradients[1])
    assert counter.frame_count == 1
    with torch.no_grad():
        compiled = torch.compile(model.eval(), fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(**inputs), model(**inputs))


@every_model
def test_an_exported_program_takes_other_batches_and_lengths(case):
    model = randomise(case.build()).eval()
    program = export(model, (), case.inputs(2, 6), dynamic_shapes=case.free).module()
    for B, T in ((3, 9), (5, 2)):
        inputs = case.inputs(B, T)
        torch.testing.assert_close(program(**inputs), model(**inputs))


@every_model
def test_on_meta_there_are_shapes_and_no_values(case):
    inputs = case.inputs(2, 6)
    logits = case.build().to("meta")(**{name: tensor.to("meta") for name, tensor in inputs.items()})
    assert logits.is_meta and logits.shape == (2, 6, V)


@pytest.mark.parametrize("name", ["gpt", "llama"])
def test_a_compiled_model_writes_with_as_many_graphs_for_any_number_of_tokens(name):
    model = randomise(CASES[name].build()).eval()
    prompt, counter = text(2, 3), CompileCounter()
    compiled = torch.compile(model, fullgraph=True, backend=counter)
    assert torch.equal(generate(compiled, prompt, 12, temperature=0), generate(model, prompt, 12, temperature=0))
    assert counter.frame_count <= 3, "one for the prompt, one for a token, and one for a token at any place"
    graphs = counter.frame_count
    generate(compiled, prompt, 12, temperature=0)
    assert counter.frame_count == graphs


def test_a_chunk_after_a_cache_is_a_graph_too():
    model, tokens = randomise(CASES["llama"].build()).eval(), text(2, 12)
    compiled, cache = torch.compile(model, fullgraph=True, backend="eager"), model.new_cache(12)
    with torch.no_grad():
        parts = [compiled(part, cache=cache) for part in tokens.split([3, 4, 5], dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens))


@pytest.mark.skipif(shutil.which("c++") is None, reason="Inductor writes C++, and there is no compiler")
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch itself calls it
def test_inductor_computes_the_same():
    model, inputs = randomise(CASES["llama"].build()).eval(), CASES["llama"].inputs(2, 6)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(model, fullgraph=True)(**inputs), model(**inputs))
