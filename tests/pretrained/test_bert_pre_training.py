"""BERT with both heads, against tiny random models of transformers: nothing is downloaded."""

import pytest
import torch
from comparisons import close, randomise
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig as TheirConfig
from transformers import BertForMaskedLM, BertForPreTraining

from transformer_lib.masks import padding_mask
from transformer_lib.models.bert import BertConfig, bert_for_pre_training
from transformer_lib.pretrained.hugging_face import bert_for_pre_training_from_hf, to_hf

sizes = st.integers(1, 3)


def theirs(d_head=4, n_heads=2, n_layers=2, d_ff=12, kind=BertForPreTraining, **options):
    config = TheirConfig(
        vocab_size=11,
        max_position_embeddings=9,
        hidden_size=d_head * n_heads,
        num_attention_heads=n_heads,
        num_hidden_layers=n_layers,
        intermediate_size=d_ff,
        pad_token_id=None,
        **options,
    )
    return randomise(kind(config).double()).eval()


@settings(max_examples=20)
@given(sizes, sizes, sizes, st.integers(1, 13), st.integers(2, 9))
def test_both_heads_have_equal_logits(d_head, n_heads, n_layers, d_ff, T):
    model = theirs(d_head, n_heads, n_layers, d_ff)
    ours = bert_for_pre_training_from_hf(model)
    generator = torch.Generator().manual_seed(0)
    tokens, segments = torch.randint(11, (2, T), generator=generator), torch.randint(2, (2, T), generator=generator)
    lengths = torch.tensor([T, (T + 1) // 2])
    real = padding_mask(lengths, T)
    expected = model(tokens, attention_mask=real[:, 0, 0].long(), token_type_ids=segments)
    words, sentence = ours(tokens, mask=real, segments=segments)
    for row, length in enumerate(lengths):
        close(words[row, :length], expected.prediction_logits[row, :length], atol=1e-9)
    close(sentence, expected.seq_relationship_logits, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_there_and_back_is_the_same_model(dtype):
    model = theirs().to(dtype).train()
    ours = bert_for_pre_training_from_hf(model)
    assert ours.training and {p.dtype for p in ours.parameters()} == {dtype}
    back = to_hf(ours.eval())
    assert not back.training
    assert model.state_dict().keys() == back.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, back.state_dict()[name]), name


def test_ours_goes_there():
    config = BertConfig(
        vocab_size=11, context_length=9, d_model=8, n_layers=2, n_heads=2, d_ff=20, n_segments=3, norm_eps=1e-3
    )
    ours = randomise(bert_for_pre_training(config).double()).eval()
    tokens = torch.arange(8)[None]
    model = to_hf(ours)
    words, sentence = ours(tokens)
    close(model(tokens).prediction_logits, words, atol=1e-9)
    close(model(tokens).seq_relationship_logits, sentence, atol=1e-9)


def test_another_class_and_another_activation_are_refused():
    with pytest.raises(TypeError, match="model is a BertForMaskedLM and must be a BertForPreTraining"):
        bert_for_pre_training_from_hf(theirs(kind=BertForMaskedLM))
    with pytest.raises(ValueError, match="hidden_act='relu' must be 'gelu'"):
        bert_for_pre_training_from_hf(theirs(hidden_act="relu"))
