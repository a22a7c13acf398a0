"""What Whisper tiny.en writes when noise covers the voice: eight draws of the noise, a minute on a core.

The noise is also heard alone, ten times as strong as the voice would be: what is written then owes nothing to a voice.

Kept are the text and the three numbers by which Whisper doubts a transcript (Radford et al. 2022, section 4.5): the
mean log-probability of its tokens, how far the text can be compressed, and the probability that there is no speech.
"""

import json
import time
import zlib

import torch
from _cards import TRAINED, write_card
from torch import Tensor

from transformer_lib.data import recordings
from transformer_lib.pretrained import transcribe, whisper_tiny_en
from transformer_lib.spectrograms import log_mel

SEEDS, LOUDER, ALONE, MOST = range(8), (1, 3, 10, 30), 10, 60


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    ear, pieces = whisper_tiny_en()
    silent = pieces.special_tokens["<|nospeech|>"] if "<|nospeech|>" in pieces.special_tokens else pieces.prompt[1] - 1

    def hear(sound: Tensor) -> dict[str, object]:
        tokens = transcribe(ear, pieces, sound, max_tokens=MOST)
        with torch.no_grad():
            logits = ear(log_mel(sound)[None], torch.tensor([[*pieces.prompt, *tokens]]))[0]
        nats = logits[1:-1].log_softmax(-1)[range(len(tokens)), tokens]
        text = pieces.decode(tokens).strip()
        return {
            "text": text,
            "nats": round(float(nats.mean()), 3),
            "compression": round(len(text.encode()) / len(zlib.compress(text.encode())), 2),
            "no_speech": round(float(logits[0].softmax(-1)[silent]), 3),
        }

    sound = torch.from_numpy(recordings.beckett())
    voice = sound.square().mean()
    clean, alone, trials = hear(sound), [], {str(times): [] for times in LOUDER}
    for seed in SEEDS:
        noise = torch.randn(len(sound), generator=torch.Generator().manual_seed(seed))
        for times in LOUDER:
            trials[str(times)].append(hear(sound + noise * (times * voice).sqrt()))
        alone.append(hear(noise * (ALONE * voice).sqrt()))
    results = {"clean": clean, "noise": trials, "noise alone": alone}
    folder = TRAINED / "whisper_noise"
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_card(
        "whisper_noise",
        chapter="13",
        command="python recipes/whisper_noise.py",
        data="ten seconds of a voice (useful-moonshine-onnx), and white noise times as strong",
        settings={"noise": list(LOUDER), "max_tokens": MOST},
        seed=0,
        seconds=round(time.process_time() - started, 1),
        results={"seeds": len(SEEDS)},
    )


if __name__ == "__main__":
    main()
