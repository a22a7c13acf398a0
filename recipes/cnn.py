"""A causal CNN on the plays, trained as the LSTM is: minutes on one core."""

import dataclasses

import lstm

from transformer_lib.models.cnn import CNNConfig, cnn

SIZES = {"d_model": 96, "kernel_size": 3, "n_layers": 5}
LEARNING_RATE = 0.004
WAYS = {"one pass": (4096, 256)}  # more than it sees: the scores are those of a single pass


def main() -> None:
    lstm.main(
        "cnn",
        build=lambda vocab_size, generator: cnn(CNNConfig(vocab_size=vocab_size, **SIZES), generator),
        training=dataclasses.replace(lstm.TRAINING, learning_rate=LEARNING_RATE),
        ways=WAYS,
        bits=None,
        rung="CNN",
    )


if __name__ == "__main__":
    main()
