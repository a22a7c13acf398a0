import math

import numpy as np
import pytest
import torch

from transformer_lib.models.neural_bigram import NeuralBigramConfig, neural_bigram
from transformer_lib.ngram import NGramModel
from transformer_lib.training import TrainConfig, cross_entropy, evaluate, train


def test_is_a_linear_layer_on_one_hot_contexts():
    model = neural_bigram(NeuralBigramConfig(vocab_size=7)).double()
    torch.nn.init.normal_(model.table.weight, generator=torch.Generator().manual_seed(0))
    tokens = torch.randint(7, (3, 5), generator=torch.Generator().manual_seed(1))
    one_hot = torch.nn.functional.one_hot(tokens, 7).double()
    torch.testing.assert_close(model(tokens), one_hot @ model.table.weight, rtol=0, atol=0)


def test_starts_with_the_uniform_guess():
    model = neural_bigram(NeuralBigramConfig(vocab_size=7))
    assert evaluate(model, torch.arange(7), length=4) == pytest.approx(math.log(7))


def test_learns_the_counted_table_down_to_the_conditional_entropy():
    # Every pair occurs, so that the counted table has a logarithm and the learned one can reach it.
    tokens = np.random.default_rng(0).choice(4, size=400, p=[0.4, 0.3, 0.2, 0.1])
    counted = NGramModel(2, 4).fit(tokens)
    table = np.stack([counted.probabilities([context]) for context in range(4)])
    contexts = np.bincount(tokens[:-1], minlength=4) / 399
    entropy = -(contexts[:, None] * table * np.log(table)).sum()

    model = neural_bigram(NeuralBigramConfig(vocab_size=4)).double()
    text = torch.from_numpy(tokens)[None]
    batches = [(text[:, :-1], text[:, 1:])] * 300
    train(model, batches, TrainConfig(steps=300), optimizer=torch.optim.SGD(model.parameters(), lr=5.0))

    learned = model(torch.arange(4)[None])[0].softmax(dim=-1).detach().numpy()
    np.testing.assert_allclose(learned, table, atol=1e-6)
    loss = cross_entropy(model(text[:, :-1]), text[:, 1:]).item()
    assert loss == pytest.approx(entropy, abs=1e-9)
    # Both score a text alike but for its first token: the counts have a unigram for it, the table a uniform guess.
    first = -math.log(np.mean(tokens == tokens[0]))
    assert evaluate(model, text[0], length=400) * 400 - math.log(4) == pytest.approx(
        counted.nats_per_token(tokens) * 400 - first, abs=1e-4
    )


@pytest.mark.parametrize("vocab_size", [0, -1])
def test_bad_size(vocab_size):
    with pytest.raises(ValueError, match=f"vocab_size={vocab_size} must be at least 1"):
        NeuralBigramConfig(vocab_size=vocab_size)
