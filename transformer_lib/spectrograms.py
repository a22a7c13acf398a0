"""Sound as a picture: how much of each pitch there is, a column every 10 ms.

The log-mel spectrogram of Whisper (Radford et al. 2022, section 2.2). A window of 25 ms is turned into the power of
each frequency by a Fourier transform; triangles that overlap, narrow below and wide above 1 kHz as the ear hears it,
gather the frequencies into 80 bands; and the powers are taken as logarithms, down to 8 below the loudest:

    L = log10(max(mel @ |STFT|^2, 1e-10)),    out = (max(L, max(L) - 8) + 4) / 4

The mel scale is Slaney's (1998, Auditory Toolbox): linear below 1 kHz, logarithmic above.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

RATE = 16_000  # samples a second
WINDOW, HOP = 400, 160  # samples: 25 ms and 10 ms
SECONDS = 30  # what a model of Whisper hears at once


def log_mel(sound: Float[Tensor, " N"], n_mels: int = 80) -> Float[Tensor, "M 3000"]:
    """Return the spectrogram of up to 30 seconds, with silence after a shorter sound.

    Args:
        sound: N samples in [-1, 1], 16,000 a second.
        n_mels: Bands, M.

    Raises:
        ValueError: If there is no sound, or more than 30 seconds of it.
    """
    if not 0 < len(sound) <= SECONDS * RATE:
        raise ValueError(f"sound of {len(sound)} samples must have 1 to {SECONDS * RATE}: cut it into parts of 30 s")
    sound = F.pad(sound.float(), (0, SECONDS * RATE - len(sound)))
    waves = torch.stft(sound, WINDOW, HOP, window=torch.hann_window(WINDOW, device=sound.device), return_complex=True)
    power = waves[:, :-1].abs().square()  # (frequencies, 3000)
    logs = (mel_bands(n_mels).to(sound.device) @ power).clamp(min=1e-10).log10()
    return (logs.clamp(min=logs.max() - 8) + 4) / 4


def mel_bands(n_mels: int) -> Float[Tensor, "M 201"]:
    """Return the triangles: how much each band takes of each frequency, in all 2 / (its width in Hz)."""
    frequencies = torch.linspace(0, RATE / 2, WINDOW // 2 + 1, dtype=torch.float64, device="cpu")
    corners = _hertz(torch.linspace(0, _mels(RATE / 2), n_mels + 2, dtype=torch.float64, device="cpu"))
    left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return (torch.minimum(rising, falling).clamp(min=0) * 2 / (right - left)).float()


def _mels(hertz: float) -> float:
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def _hertz(mels: Tensor) -> Tensor:
    return torch.where(mels < 15, mels * 200 / 3, 1000 * torch.exp((mels - 15) * math.log(6.4) / 27))
