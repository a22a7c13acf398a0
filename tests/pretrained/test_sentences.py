"""MiniLM with its real weights, beside transformers and tokenizers on the same; tiny BERTs; damaged files."""

import json

import pytest
import tokenizers
import torch
import transformers
from comparisons import randomise
from safetensors.torch import load_file, save_file

from transformer_lib.data import weights
from transformer_lib.pretrained import embed, minilm
from transformer_lib.pretrained.sentences import sentence_encoder_from_files
from transformer_lib.tokenizers.wordpiece import SPECIAL_TOKENS, WordPieceTokenizer

SENTENCES = [
    "A cat sleeps on the warm windowsill.",
    "The kitten naps by the window, where it's warm.",
    "Interest rates rose by 0.25% in März!",
    "[SEP] 'tis nobler " * 90,
    "",
]


@pytest.fixture(scope="module")
def loaded(real):
    real(weights.MINILM)
    return minilm()


def test_vectors_are_those_of_transformers(loaded):
    """The text goes to ids by tokenizers, through BertModel, and by sentence-transformers' recipe to a vector."""
    folder = weights.MINILM_FOLDER
    words = tokenizers.Tokenizer.from_file(str(weights.MINILM.path(f"{folder}/tokenizer.json")))
    words.enable_truncation(256)
    words.enable_padding()
    config = transformers.BertConfig(**json.loads(weights.MINILM.read(f"{folder}/config.json")))
    theirs = transformers.BertModel(config).eval()
    theirs.load_state_dict(load_file(weights.MINILM.path(f"{folder}/model.safetensors")), strict=False)
    plain = [sentence.replace("[SEP]", "( SEP )") for sentence in SENTENCES]
    encoded = words.encode_batch(plain)
    ids, real = (torch.tensor([getattr(e, name) for e in encoded]) for name in ("ids", "attention_mask"))
    assert ids.shape == (5, 256)
    with torch.no_grad():
        x = theirs(ids, attention_mask=real).last_hidden_state
    mean = (x * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True)
    expected = mean / mean.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(embed(*loaded, plain), expected, rtol=0, atol=1e-5)


def test_like_meanings_have_like_vectors(loaded):
    vectors = embed(*loaded, SENTENCES[:3])
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(3))
    alike, unlike = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    assert alike > 0.6 > 0.2 > unlike


def test_a_special_token_that_somebody_types_is_text(loaded):
    model, tokenizer = loaded
    seen = []
    hook = model.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    embed(model, tokenizer, ["a [SEP] b"])
    hook.remove()
    assert tokenizer.tokens(seen[0][0]) == ["[CLS]", "a", "[", "sep", "]", "b", "[SEP]"]


@pytest.mark.parametrize("sentences", [[], "a text"])
def test_a_list_of_sentences_is_wanted(loaded, sentences):
    with pytest.raises(ValueError, match=r"sentences=.* must be a list of at least one text"):
        embed(*loaded, sentences)


# --- files ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """A tiny random BertModel, as transformers would save it, and its files."""
    config = transformers.BertConfig(
        vocab_size=9,
        max_position_embeddings=9,
        hidden_size=8,
        num_attention_heads=2,
        num_hidden_layers=2,
        intermediate_size=12,
    )
    theirs = randomise(transformers.BertModel(config)).eval()
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    return theirs, tmp_path / "config.json", tmp_path / "model.safetensors"


def test_a_tiny_model_is_read(files):
    theirs, *paths = files
    model = sentence_encoder_from_files(*paths)
    tokens = torch.randint(9, (2, 7), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mean = theirs(tokens).last_hidden_state.mean(dim=1)
    torch.testing.assert_close(
        model(tokens, torch.full((2,), 7)), mean / mean.norm(dim=-1, keepdim=True), rtol=0, atol=1e-5
    )
    words = WordPieceTokenizer({token: i for i, token in enumerate([*SPECIAL_TOKENS, "a", "b"])})
    assert embed(model, words, ["a b", "b"]).shape == (2, 8)


@pytest.mark.parametrize("end", [0, 4, 100, -1])
def test_weights_cut_short_are_refused(files, end):
    _, config, path = files
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(ValueError, match=r"model\.safetensors' must be whole: SafetensorError"):
        sentence_encoder_from_files(config, path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "relu"}, "has hidden_act='relu', which must be 'gelu'"),
        ({"position_embedding_type": "relative_key"}, "has position_embedding_type='relative_key', which must be 'abs"),
        ({"num_hidden_layers": 3}, r"missing \['encoder.layer.2"),
        ({"num_hidden_layers": 1}, r"unknown \['encoder.layer.1"),
        ({"hidden_size": 16}, r"of shape \(9, 8\) must be \(9, 16\)"),
        ({"hidden_size": "8"}, r"must be whole: Type(Check)?Error"),
    ],
)
def test_another_configuration_is_refused(files, change, message):
    _, path, tensors = files
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        sentence_encoder_from_files(path, tensors)


def test_a_configuration_that_is_none_is_refused(files):
    _, path, tensors = files
    for content in ("", "[]", "{}"):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"config\.json' and .* must be whole"):
            sentence_encoder_from_files(path, tensors)
