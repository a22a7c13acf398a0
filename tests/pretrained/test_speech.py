"""Whisper with its real weights, beside transformers on the same; tiny random ones; what is not built."""

import json

import numpy as np
import pytest
import torch
import transformers
from comparisons import randomise
from ctranslate2_files import from_transformers, into_transformers, model_bin

from transformer_lib.data import recordings, weights
from transformer_lib.pretrained import transcribe, whisper_tiny_en
from transformer_lib.pretrained.ctranslate2 import CTranslate2
from transformer_lib.pretrained.speech import SpeechTokenizer
from transformer_lib.pretrained.whisper_ctranslate2 import whisper_from_ctranslate2
from transformer_lib.spectrograms import log_mel
from transformer_lib.tokenizers.bpe import BPETokenizer

HEARD = " Ever tried, ever failed. No matter, try again. Fail again. Fail better."


def hf_whisper(vocab_size, d_model, n_layers, n_heads, d_ff, source_length, context_length):
    config = transformers.WhisperConfig(
        vocab_size=vocab_size,
        d_model=d_model,
        encoder_layers=n_layers,
        decoder_layers=n_layers,
        encoder_attention_heads=n_heads,
        decoder_attention_heads=n_heads,
        encoder_ffn_dim=d_ff,
        decoder_ffn_dim=d_ff,
        max_source_positions=source_length,
        max_target_positions=context_length,
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 1),
    )
    return transformers.WhisperForConditionalGeneration(config).eval()


@pytest.fixture(scope="module")
def loaded(real):
    real(weights.WHISPER)
    return whisper_tiny_en()


@pytest.fixture(scope="module")
def sound():
    return torch.from_numpy(recordings.beckett())


def test_it_hears_the_recording(loaded, sound):
    assert loaded[1].decode(transcribe(*loaded, sound)) == HEARD


def test_a_hundred_tokens_of_greedy_text_and_their_logits_are_those_of_transformers(loaded, sound):
    model, tokenizer = loaded
    file = CTranslate2(weights.WHISPER.path(f"{weights.WHISPER_FOLDER}/model.bin"))
    theirs = into_transformers(file, hf_whisper(51_864, 384, 4, 6, 1536, 1500, 448))
    mel = log_mel(sound)[None]
    endless = SpeechTokenizer(
        tokenizer.merges,
        vocabulary=tokenizer.vocabulary,
        special_tokens=tokenizer.special_tokens,
        never=[*tokenizer.never, tokenizer.eos],
        never_first=tokenizer.never_first,
    )
    written = transcribe(model, endless, sound, max_tokens=100)
    tokens = torch.tensor([[*tokenizer.prompt, *written]])
    with torch.no_grad():
        expected = theirs(input_features=mel, decoder_input_ids=tokens).logits
        torch.testing.assert_close(model(mel, tokens), expected, rtol=0, atol=1e-4)
    allowed = expected[0, 1:-1].clone()  # after the prompt, each token is the one they would have written
    allowed[:, endless.never] = -torch.inf
    allowed[0, endless.never_first] = -torch.inf
    assert allowed.argmax(dim=-1).tolist() == written and len(written) == 100


def test_the_rules_are_those_of_the_file(loaded):
    _, tokenizer = loaded
    assert tokenizer.prompt == [50_257, 50_362] and tokenizer.eos == 50_256
    assert tokenizer.never_first == [220, 50_256] and len(tokenizer.never) == 90
    assert tokenizer.encode(HEARD, parse_special=False)[:2] == [10_776, 3088]


@pytest.mark.parametrize("n_layers", [1, 2])
def test_a_tiny_model_has_the_logits_of_transformers(tmp_path, n_layers):
    theirs = randomise(hf_whisper(11, 16, n_layers, 2, 20, 6, 9))
    path = tmp_path / "model.bin"
    path.write_bytes(model_bin(from_transformers(theirs)))
    ours = whisper_from_ctranslate2(CTranslate2(path))
    assert not ours.training and ours.head.weight is ours.target_embedding.tokens.weight
    generator = torch.Generator().manual_seed(0)
    mel, tokens = torch.randn(2, 80, 12, generator=generator), torch.randint(11, (2, 9), generator=generator)
    with torch.no_grad():
        expected = theirs(input_features=mel, decoder_input_ids=tokens).logits
        torch.testing.assert_close(ours(mel, tokens), expected, rtol=0, atol=3e-6 * float(expected.abs().max()))


def changed(tensors, change):
    return {name: array for name, array in (tensors | change).items() if array is not None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder/activation": np.int8(0)}, "has decoder/activation=0.0, which must be 3"),
        ({"decoder/pre_norm": np.int8(0)}, "has decoder/pre_norm=0.0, which must be 1"),
        ({"encoder/num_heads": np.int16(4)}, "must have encoder/num_heads and decoder/num_heads, the same number"),
        ({"encoder/num_heads": None}, "must have encoder/num_heads and decoder/num_heads"),
        (
            {"decoder/embeddings/weight": np.ones(3, "f4")},
            r"decoder/embeddings/weight of shape \(3,\), which must have 2",
        ),
        ({"decoder/embeddings/weight": None}, "has decoder/embeddings/weight of shape None"),
        ({"decoder/layer_norm/beta": None}, r"missing \['decoder/layer_norm/beta'\]"),
        (
            {"encoder/layer_1/ffn/linear_1/weight_scale": np.ones(3, "f4")},
            r"unknown \['encoder/layer_1/ffn/.*_scale'\]",
        ),
        ({"decoder/layer_0/ffn/linear_0/weight": np.ones((4, 4), "f4")}, r"of shape \(4, 4\) must be \(20, 16\)"),
        (
            {"decoder/layer_0/self_attention/linear_0/bias": np.ones(48, "f4")},
            "the keys have a bias, and here they have",
        ),
    ],
)
def test_what_is_not_built_is_refused_by_name(tmp_path, change, message):
    tensors = from_transformers(randomise(hf_whisper(11, 16, 2, 2, 20, 6, 9)))
    (tmp_path / "model.bin").write_bytes(model_bin(changed(tensors, change)))
    with pytest.raises(ValueError, match=message):
        whisper_from_ctranslate2(CTranslate2(tmp_path / "model.bin"))


def test_another_kind_of_model_is_refused(tmp_path):
    (tmp_path / "model.bin").write_bytes(model_bin({}, kind="TransformerSpec"))
    with pytest.raises(ValueError, match="holds a TransformerSpec, and must hold a WhisperSpec"):
        whisper_from_ctranslate2(CTranslate2(tmp_path / "model.bin"))


def test_rules_that_are_none_are_refused(tmp_path):
    words = BPETokenizer.train(
        "a b", 260, special_tokens=["<|startoftranscript|>", "<|notimestamps|>", "<|endoftext|>"]
    )
    words.save(tmp_path / "tokenizer.json")
    rules = tmp_path / "config.json"
    rules.write_text(json.dumps({"suppress_ids": [1], "suppress_ids_begin": []}))
    assert SpeechTokenizer.from_files(tmp_path / "tokenizer.json", rules).never == [1]
    for content in ("", "[]", "{}", '{"suppress_ids": ["a"], "suppress_ids_begin": []}'):
        rules.write_text(content)
        with pytest.raises(ValueError, match=r"config\.json' must have suppress_ids and suppress_ids_begin"):
            SpeechTokenizer.from_files(tmp_path / "tokenizer.json", rules)


def test_the_marks_must_be_special_tokens():
    with pytest.raises(ValueError, match=r"special_tokens=\{\} must have '<\|startoftranscript\|>'"):
        SpeechTokenizer([])


def test_something_must_be_written(loaded, sound):
    with pytest.raises(ValueError, match="max_tokens=0 must be at least 1"):
        transcribe(*loaded, sound, max_tokens=0)
