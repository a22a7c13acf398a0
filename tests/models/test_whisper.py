"""Whisper's model with fresh weights: its parts, and that nothing of the future or of another sound is heard."""

import pytest
import torch
from comparisons import close, randomise

from transformer_lib.block import PreNorm
from transformer_lib.models.whisper import WhisperConfig, whisper

CONFIG = WhisperConfig(
    vocab_size=11, d_model=16, n_layers=2, n_heads=2, d_ff=20, n_mels=4, source_length=6, context_length=9
)


@pytest.fixture(scope="module")
def model():
    return randomise(whisper(CONFIG)).double().eval()


def data(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 4, 12, generator=generator).double(), torch.randint(11, (2, 9), generator=generator)


def test_two_frames_become_one_vector(model):
    mel, tokens = data()
    assert model.encode(mel).shape == (2, 6, 16) and model(mel, tokens).shape == (2, 9, 11)
    with pytest.raises(ValueError, match=r"must be in 0\.\.5: nothing was learned beyond context_length=6"):
        model.encode(torch.cat((mel, mel), dim=2))


def test_it_is_made_of_the_blocks_of_every_other_model(model):
    assert all(isinstance(block.attention_residual, PreNorm) for block in (*model.encoder, *model.decoder))
    assert all(block.cross_attention is not None for block in model.decoder)
    assert model.head.weight is model.target_embedding.tokens.weight
    assert model.encoder[0].attention.w_k.bias is None


def test_the_future_is_not_heard_and_the_whole_sound_is(model):
    mel, tokens = data()
    before = model(mel, tokens)
    tokens[:, 5] = (tokens[:, 5] + 1) % 11
    close(model(mel, tokens)[:, :5], before[:, :5])
    mel[0, :, -1] += 1
    assert not torch.allclose(model(mel, tokens)[0, 0], before[0, 0])
    close(model(mel, tokens)[1, :5], before[1, :5])


def test_source_positions_are_fixed_sines(model):
    table = whisper(CONFIG).source_embedding.positions.table.weight
    assert not table.requires_grad
    torch.testing.assert_close(table[:, 0], torch.arange(6.0).sin())
    torch.testing.assert_close(table[3, 8:], (3 * 10_000.0 ** -(torch.arange(8) / 7)).cos())


def test_the_generator_decides():
    first, second = (whisper(CONFIG, torch.Generator().manual_seed(3)).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
