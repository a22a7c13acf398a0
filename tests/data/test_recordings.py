import io
import wave

import numpy as np
import pytest

from transformer_lib.data.recordings import RATE, beckett, read_wav


def wav(samples, channels=1, width=2, rate=RATE):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return out.getvalue()


def test_the_recording_is_ten_seconds_of_a_voice():
    sound = beckett()
    assert sound.dtype == np.float32 and len(sound) == 159_414
    assert 0.1 < np.abs(sound).max() <= 1 and abs(sound.mean()) < 0.01


def test_samples_are_read():
    samples = np.array([0, 2**14, -(2**15), 2**15 - 1], "<i2")
    assert read_wav(wav(samples.tobytes())).tolist() == [0.0, 0.5, -1.0, 1 - 2**-15]


@pytest.mark.parametrize(
    ("options", "found"),
    [({"channels": 2}, r"\(2, 16, 16000\)"), ({"width": 1}, r"\(1, 8, 16000\)"), ({"rate": 8000}, r"\(1, 16, 8000\)")],
)
def test_another_format_is_refused(options, found):
    with pytest.raises(ValueError, match=rf"{found} and must have \(1, 16, 16000\)"):
        read_wav(wav(bytes(8), **options))


@pytest.mark.parametrize("content", [b"", b"ID3 an mp3", wav(bytes(8))[:20]])
def test_what_is_no_wav_is_refused(content):
    with pytest.raises(ValueError, match="content must be a WAV file"):
        read_wav(content)
