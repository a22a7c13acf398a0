import pytest
import torch
from comparisons import close, randomise

from transformer_lib.inspection import dependency_mask
from transformer_lib.masks import padding_mask
from transformer_lib.models.bert import BertConfig, bert, bert_for_pre_training

SMALL = {"vocab_size": 13, "context_length": 8, "d_model": 16, "n_layers": 2, "n_heads": 4, "d_ff": 20}


def test_bert_base_has_the_parameters_of_transformers():
    from transformers import BertConfig as TheirConfig
    from transformers import BertForMaskedLM

    with torch.device("meta"):
        sizes = {
            "vocab_size": 30_522,
            "context_length": 512,
            "d_model": 768,
            "n_layers": 12,
            "n_heads": 12,
            "d_ff": 3072,
        }
        ours, theirs = bert(BertConfig(**sizes)), BertForMaskedLM(TheirConfig())
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_every_position_sees_every_other_and_no_padding():
    model, tokens = randomise(bert(BertConfig(**SMALL)).double()), torch.arange(6)
    assert dependency_mask(model, tokens).all()
    batch = torch.stack((tokens, tokens + 2))
    close(model(batch, mask=padding_mask(torch.tensor([6, 4]), 6))[1, :4], model(batch[1:, :4])[0])


def test_the_head_shares_the_embedding_and_has_a_bias_of_its_own():
    model = bert(BertConfig(**SMALL))
    assert model.head.vocabulary.weight is model.embedding.tokens.weight
    assert model.head.vocabulary.bias.shape == (13,)


def test_weights_start_cut_off_at_two_deviations():
    model = bert(BertConfig(**SMALL), torch.Generator().manual_seed(0))
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            assert parameter.abs().max() <= 0.04, name


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="n_segments=0 must be at least 1"):
        BertConfig(**SMALL, n_segments=0)
    with pytest.raises(ValueError, match=r"positions=0..8 must be in 0..7"):
        bert(BertConfig(**SMALL))(torch.zeros(1, 9, dtype=torch.long))


def test_the_second_head_reads_the_first_vector_alone():
    model = randomise(bert_for_pre_training(BertConfig(**SMALL)).double())
    tokens, segments = torch.tensor([[1, 4, 2, 5, 6, 2]]), torch.tensor([[0, 0, 0, 1, 1, 1]])
    words, sentence = model(tokens, segments=segments)
    close(words, model.masked(tokens, segments=segments))
    x = model.masked.encode(tokens, segments=segments)
    first = torch.tanh(x[:, 0] @ model.next_sentence.pooler.weight.T + model.next_sentence.pooler.bias)
    close(sentence, first @ model.next_sentence.classes.weight.T + model.next_sentence.classes.bias)
    other = torch.cat([x[:, :1], torch.randn_like(x[:, 1:])], dim=1)
    close(model.next_sentence(other), sentence)


def test_both_heads_start_from_the_generator():
    first, again, other = (
        bert_for_pre_training(BertConfig(**SMALL), torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    for name, parameter in first.state_dict().items():
        assert torch.equal(parameter, again.state_dict()[name])
    assert not torch.equal(first.next_sentence.pooler.weight, other.next_sentence.pooler.weight)
    assert first.next_sentence.classes.weight.abs().max() <= 0.04
