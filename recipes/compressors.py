"""What compressors pay for the test plays, beside the ladder: PPMd and xz, told the training plays first.

A compressor is a language model with its output written down: a character of probability p costs -log2 p bits. Told
the training plays, it codes the test plays in

    (bytes of training plays and test plays together - bytes of training plays alone) * 8 / characters.

Both go on learning from what they have just coded, and PPMd stands on the ladder as a model that does. To see what that
is worth, it also codes pieces of the test plays one by one, each straight after the training plays. Its order is chosen
on the validation plays. About two minutes on one core.
"""

import json
import lzma
import time
from statistics import mean, stdev

import pyppmd
from _cards import TRAINED, write_card

from transformer_lib.data import shakespeare

ORDERS = (4, 5, 6, 7, 8)
MEMORY = 1 << 28  # bytes for PPMd's tree, more than it needs here
PIECE, EVERY = 3_000, 5  # characters of a piece; of these pieces every fifth is coded


def ppmd(data: bytes, order: int) -> int:
    """Bytes that PPMd, variant H, needs for some data."""
    return len(pyppmd.compress(data, max_order=order, mem_size=MEMORY, variant="H"))


def xz(data: bytes) -> int:
    """Bytes that xz needs at its best setting."""
    return len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def main() -> None:
    started = time.process_time()
    text = shakespeare.load()
    train, validation, test = (part.encode("ascii") for part in (text.train, text.validation, text.test))

    def bits(size, data: bytes, alone: int) -> float:
        return (size(train + data) - alone) * 8 / len(data)

    alone = {order: ppmd(train, order) for order in ORDERS}
    by_order = {n: bits(lambda data, n=n: ppmd(data, n), validation, alone[n]) for n in ORDERS}
    order = min(by_order, key=by_order.get)

    def best(data: bytes) -> int:
        return ppmd(data, order)

    starts = range(0, len(test) - PIECE + 1, PIECE * EVERY)
    pieces = [bits(best, test[start : start + PIECE], alone[order]) for start in starts]
    results = {
        "ppmd": {
            "order": order,
            "validation_by_order": by_order,
            "test": bits(best, test, alone[order]),
            "pieces": {"characters": PIECE, "n": len(pieces), "mean": mean(pieces), "sd": stdev(pieces)},
        },
        "xz": {"test": bits(xz, test, xz(train))},
    }
    write_card(
        "compressors",
        rung=f"PPMd, order {order}",
        chapter="18",
        command="python recipes/compressors.py",
        learns_while_reading=True,
        seconds=round(time.process_time() - started, 1),
        parameters=None,
        bits_per_character={"validation": by_order[order], "test": results["ppmd"]["test"]},
    )
    (TRAINED / "compressors" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
