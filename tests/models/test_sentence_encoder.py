"""The vector of a sentence: a mean over its own tokens and nobody else's, of length 1."""

import pytest
import torch
from comparisons import close, randomise

from transformer_lib.models.bert import BertConfig, bert
from transformer_lib.models.sentence_encoder import SentenceEncoder

CONFIG = BertConfig(vocab_size=11, context_length=9, d_model=8, n_layers=2, n_heads=2, d_ff=12)


@pytest.fixture(scope="module")
def model():
    return SentenceEncoder(randomise(bert(CONFIG))).double().eval()


def test_it_is_the_mean_scaled_to_length_one(model):
    tokens = torch.randint(11, (3, 7), generator=torch.Generator().manual_seed(0))
    mean = model.encoder.encode(tokens).mean(dim=1)
    close(model(tokens, torch.full((3,), 7)), mean / mean.pow(2).sum(dim=-1, keepdim=True).sqrt())


def test_padding_changes_nothing(model):
    tokens = torch.randint(11, (1, 9), generator=torch.Generator().manual_seed(1))
    alone = model(tokens[:, :4], torch.tensor([4]))
    batch = model(tokens.repeat(2, 1), torch.tensor([4, 9]))
    close(batch[:1], alone)
    assert not torch.allclose(batch[1], batch[0])
