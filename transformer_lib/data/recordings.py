"""A voice to hear: ten seconds of English, read aloud.

It is a line of Samuel Beckett's Worstward Ho (1983), which the wheel `useful-moonshine-onnx` ships as its example, read
as a file; the wheel is under the MIT licence.
"""

import io
import wave

import numpy as np
from jaxtyping import Float

from transformer_lib.data.archives import Archive
from transformer_lib.data.sources import Wheel

ARCHIVE = Archive(
    Wheel(
        project="useful-moonshine-onnx",
        version="20251121",
        sha256="b4189b0d7dc8064d567fd0b5d5ce78634be290b0a3a3274ab80ad11c46d531a2",
        size=729_305,
        listing="6fd7099c8aba9475aed6a89f6d7ef82c489f73d370200d1e32ed2c919c46601f",
    )
)
RATE = 16_000  # samples a second


def beckett() -> Float[np.ndarray, " N"]:
    """Return the samples in [-1, 1], 16,000 a second.

    Raises:
        ArchiveError: the archive cannot be had.
    """
    return read_wav(ARCHIVE.read("moonshine_onnx/assets/beckett.wav"))


def read_wav(content: bytes) -> Float[np.ndarray, " N"]:
    """Return the samples of a WAV file of one channel, 16 bits and 16,000 samples a second.

    Raises:
        ValueError: the file is another, or damaged.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            found = file.getnchannels(), 8 * file.getsampwidth(), file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") if found[1] == 16 else None
    except (wave.Error, EOFError) as error:
        raise ValueError(f"content must be a WAV file: {error or 'it is cut short'}") from error
    if samples is None or found != (1, 16, RATE):
        raise ValueError(f"content has (channels, bits, samples a second) = {found} and must have {(1, 16, RATE)}")
    return samples.astype(np.float32) / 2**15
