"""The log-mel spectrogram against the one of transformers, and pure tones."""

import numpy as np
import pytest
import torch
import transformers
from transformers.audio_utils import mel_filter_bank

from transformer_lib.spectrograms import RATE, log_mel, mel_bands


@pytest.mark.parametrize("seconds", [0.001, 1.7, 30])
def test_it_is_that_of_transformers(seconds):
    generator = torch.Generator().manual_seed(0)
    sound = 0.1 * torch.randn(int(seconds * RATE), generator=generator) * torch.linspace(0, 1, int(seconds * RATE))
    theirs = transformers.WhisperFeatureExtractor()(sound.numpy(), sampling_rate=RATE, return_tensors="pt")
    ours = log_mel(sound)
    assert ours.shape == (80, 3000) and ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs.input_features[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("n_mels", [40, 80, 128])
def test_the_bands_are_slaneys(n_mels):
    theirs = mel_filter_bank(201, n_mels, 0.0, 8000.0, RATE, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(mel_bands(n_mels), theirs.T, atol=1e-7)


@pytest.mark.parametrize("hertz", [440, 1000, 3000])
def test_a_pure_tone_is_loudest_in_its_own_band(hertz):
    picture = log_mel(0.5 * torch.sin(2 * torch.pi * hertz * torch.arange(RATE) / RATE))
    band = mel_bands(80)[int(picture[:, 50].argmax())]
    frequencies = torch.linspace(0, RATE / 2, 201)[band > 0]
    assert frequencies.min() <= hertz <= frequencies.max()
    assert picture[:, 200:].max() < picture[:, 50].max() - 1  # after the first second it is silent


@pytest.mark.parametrize("n", [0, 30 * RATE + 1])
def test_no_sound_and_too_much_are_refused(n):
    with pytest.raises(ValueError, match=rf"sound of {n} samples must have 1 to 480000: cut it into parts of 30 s"):
        log_mel(torch.zeros(n))
