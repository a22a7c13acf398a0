"""What serving many texts at once costs, in four ways: CPU seconds of the book's GPT; less than a minute of one core.

    one at a time     each text by itself, with a cache
    static            batches of 8 that stay together until the longest text of each is finished
    continuous        8 places; whoever is finished leaves, and the next one enters
    paged             the memory of those 8 places cut into blocks of 16 positions, for as many texts as fit

REQUESTS texts are asked for, all at the start: prompts of 4 to 16 characters from the test plays, and after each as
many characters as a geometric distribution of mean MEAN says, at most LONGEST. Three runs, each with requests of its
own; in each the four ways take turns, and must write the same texts. One thread.

Writes trained/serving/results.json: of each run and way the CPU seconds, the passes, and the shares of memory used.
"""

import json
import statistics
import time

import torch
from _cards import TRAINED, write_card

from transformer_lib.cache import BlockTables
from transformer_lib.data import shakespeare
from transformer_lib.serving import Request, serve
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import load

REQUESTS, MEAN, LONGEST, PLACES, RUNS = 64, 24, 100, 8, 3
WAYS = {  # blocks, their size, texts at once, static
    "one at a time": (1, 128, 1, False),
    "static": (PLACES, 128, PLACES, True),
    "continuous": (PLACES, 128, PLACES, False),
    "paged": (PLACES * 128 // 16, 16, REQUESTS, False),
}


def ask(ids: list[int], n: int, generator: torch.Generator) -> list[Request]:
    """So many requests: where a prompt begins, how long it is, and how much is to be written."""
    requests = []
    for _ in range(n):
        start, length = (int(torch.randint(*span, (), generator=generator)) for span in ((len(ids) - 16,), (4, 17)))
        n_new = torch.empty(()).geometric_(1 / MEAN, generator=generator).int()
        requests.append(Request(ids[start : start + length], min(int(n_new), LONGEST)))
    return requests


def main() -> None:
    torch.set_num_threads(1)
    started = time.process_time()
    tokenizer = CharacterTokenizer.load(TRAINED / "gpt" / "tokenizer.json")
    ids = tokenizer.encode(shakespeare.load().test)
    model = load(TRAINED / "gpt").eval()
    runs = []
    for seed in range(RUNS):
        requests, run, written = ask(ids, REQUESTS, torch.Generator().manual_seed(seed)), {}, []
        serve(model, requests[:8], BlockTables(8, 128), 8)  # to warm up
        for way, (n_blocks, size, most, static) in WAYS.items():
            start = time.process_time()
            texts, log = serve(model, requests, BlockTables(n_blocks, size), most, static=static)
            run[way] = {
                "seconds": round(time.process_time() - start, 3),
                "passes": len(log),
                "texts_at_once": round(statistics.mean(len(done.running) for done in log), 2),
                "used": round(sum(done.held for done in log) / sum(done.taken for done in log), 4),
            }
            written.append(texts)
        if any(texts != written[0] for texts in written):
            raise SystemExit("two ways of serving wrote different texts")
        run["characters"] = sum(request.n_new for request in requests)
        runs.append(run)
        print(json.dumps(run), flush=True)
    write_card(
        "serving",
        chapter="17b",
        command="python recipes/serving.py",
        seed=list(range(RUNS)),
        seconds=round(time.process_time() - started, 1),
        requests=REQUESTS,
        mean=MEAN,
        longest=LONGEST,
        places=PLACES,
    )
    (TRAINED / "serving" / "results.json").write_text(json.dumps({"runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
