"""Which head of SmolLM2-135M follows *it* to its noun, and what that head does with sentences that did not choose it.

The model reads twelve short sentences of one pattern, "X did something to a thing, and Y did something to it". The
head that gives the most attention, from *it* to the thing, on average, is chosen. Then it reads twelve sentences with
other words; seven pairs of sentences with two things, in which only the second verb says which is meant; and Macbeth's
speech, from four beginnings. Writes trained/pronoun_head/results.json. Half a minute on one core.

    python recipes/pronoun_head.py                          writes the results anew
    python recipes/pronoun_head.py "Ann saw a cat; it ran." prints where the last *it* of a sentence of yours looks
"""

import json
import re
import sys
import time

import torch
from _cards import TRAINED, write_card
from torch import Tensor

from transformer_lib.architectures import LanguageModel
from transformer_lib.data import shakespeare
from transformer_lib.inspection import record_attention
from transformer_lib.pretrained import smollm2
from transformer_lib.tokenizers.chat import ChatTokenizer

COMMAND = "python recipes/pronoun_head.py"
OURS = "Ada baked bread; Bo ate it."
CHOOSING = {  # sentence: the thing that *it* stands for, and the person or animal that stands nearer
    OURS: ("bread", "Bo"),
    "Ann wrote a letter, and Tom read it.": ("letter", "Tom"),
    "Carl bought a car, and Mia drove it.": ("car", "Mia"),
    "Nina lost a ring, and Paul found it.": ("ring", "Paul"),
    "Sam built a house, and Kate painted it.": ("house", "Kate"),
    "Lea threw the ball, and Max caught it.": ("ball", "Max"),
    "The boy broke a window, and the man repaired it.": ("window", "man"),
    "Grandma cooked soup, and the children ate it.": ("soup", "children"),
    "The teacher asked a question, and Peter answered it.": ("question", "Peter"),
    "Emma closed the door, and Jack opened it.": ("door", "Jack"),
    "My father planted a tree, and my brother watered it.": ("tree", "brother"),
    "The queen wore a crown, and the thief stole it.": ("crown", "thief"),
}
HELD_OUT = {
    "Ben sang a song, and Lucy liked it.": ("song", "Lucy"),
    "The farmer grew corn, and the birds ate it.": ("corn", "birds"),
    "Olga sewed a coat, and Ivan wore it.": ("coat", "Ivan"),
    "The judge read the contract, and the lawyer burned it.": ("contract", "lawyer"),
    "Tim drew a map, and his sister lost it.": ("map", "sister"),
    "Rosa made tea, and her guests drank it.": ("tea", "guests"),
    "The king built a bridge, and the soldiers crossed it.": ("bridge", "soldiers"),
    "David wrote a book, and Ruth published it.": ("book", "Ruth"),
    "The cook dropped a plate, and the waiter cleaned it.": ("plate", "waiter"),
    "Alice bought a bicycle, and Henry rode it.": ("bicycle", "Henry"),
    "The girl hid the key, and her mother found it.": ("key", "mother"),
    "Leo caught a fish, and the cat ate it.": ("fish", "cat"),
}
TWO_THINGS = (  # the beginning, the two things, and a verb for each
    ("Ada put the bread on the table; Bo", ("bread", "table"), ("ate", "painted")),
    ("Ann poured milk into the glass, and Tom", ("milk", "glass"), ("drank", "broke")),
    ("Carl left the book in the car, and Mia", ("book", "car"), ("read", "drove")),
    ("Sam found a letter in the house, and Kate", ("letter", "house"), ("read", "sold")),
    ("Lea hung the coat behind the door, and Max", ("coat", "door"), ("wore", "closed")),
    ("The boy put the coin into the box, and his mother", ("coin", "box"), ("spent", "opened")),
    ("Olga put the cake into the oven, and Ivan", ("cake", "oven"), ("ate", "cleaned")),
)
MACBETH_ENDS = "And then is heard no more: it"
MACBETH_BEGINS = (
    "Life's but a walking shadow",
    "Out, out, brief candle!",
    "She should have died hereafter;",
    "The queen, my lord, is dead.",
)
WORD = re.compile(r"\w+(?:'\w+)?|[^\w\s]")


@torch.inference_mode()
def read(model: LanguageModel, tokenizer: ChatTokenizer, text: str) -> tuple[list[str], Tensor]:
    """The words of a text, and the attention (layers, heads, words, words) between them.

    A word of several tokens is looked at with the sum of its tokens' weights, and looks with its last token.
    """
    tokens = tokenizer.encode(text)
    ends = [len(tokenizer.decode(tokens[: i + 1])) for i in range(len(tokens))]
    words = list(WORD.finditer(text))
    # A token belongs to the word in which it ends; blanks and line breaks belong to the word before them.
    owners = torch.tensor([max(sum(word.start() < end for word in words) - 1, 0) for end in ends])
    with record_attention(model) as weights:
        model(torch.tensor([tokens]))
    between = torch.cat(list(weights.values()))  # (layers, heads, tokens, tokens)
    keys = torch.zeros(*between.shape[:3], len(words)).index_add_(3, owners, between)
    lasts = [int((owners == i).nonzero()[-1]) for i in range(len(words))]
    return [word.group() for word in words], keys[:, :, lasts]


def look(words: list[str], weights: Tensor, noun: str) -> Tensor:
    """(layers, heads): the weight that the last *it* gives to the last mention of a noun before it."""
    at = len(words) - 1 - words[::-1].index("it")
    return weights[:, :, at, max(i for i, word in enumerate(words[:at]) if word == noun)]


def macbeth(begins: str) -> str:
    """The speech, from some line to the *it* in "it is a tale"."""
    plays = shakespeare.load().test
    end = plays.index(MACBETH_ENDS) + len(MACBETH_ENDS)
    return plays[plays.rindex(begins, 0, end) : end]


def main() -> None:
    torch.set_num_threads(1)
    started = time.process_time()
    model, tokenizer = smollm2()
    if len(sys.argv) > 1:
        words, weights = read(model, tokenizer, sys.argv[1])
        layer, head = json.loads((TRAINED / "pronoun_head" / "results.json").read_text(encoding="utf-8"))["head"]
        at = len(words) - 1 - words[::-1].index("it")
        for word, weight in zip(words, weights[layer, head, at, : at + 1].tolist(), strict=False):
            print(f"{weight:6.2f}  {word}")
        return

    readings = {text: read(model, tokenizer, text) for text in (*CHOOSING, *HELD_OUT)}
    means = torch.stack([look(*readings[text], noun) for text, (noun, _) in CHOOSING.items()]).mean(dim=0)
    layer, head = divmod(int(means.argmax()), means.shape[1])
    held_out = [
        {
            "text": text,
            "thing": round(look(*readings[text], thing)[layer, head].item(), 4),
            "nearer": round(look(*readings[text], nearer)[layer, head].item(), 4),
        }
        for text, (thing, nearer) in HELD_OUT.items()
    ]
    others = torch.stack([look(*readings[text], noun) for text, (noun, _) in HELD_OUT.items()]).mean(dim=0)
    first = torch.stack([readings[text][1][:, :, readings[text][0].index("it"), 0] for text in HELD_OUT]).mean(dim=0)
    two_things = []
    for begins, things, verbs in TWO_THINGS:
        for meant, verb in enumerate(verbs):
            words, weights = read(model, tokenizer, f"{begins} {verb} it.")
            found = [round(look(words, weights, thing)[layer, head].item(), 4) for thing in things]
            two_things.append({"text": f"{begins} {verb} it.", "meant": meant, "weights": found})
    speeches = []
    for begins in MACBETH_BEGINS:
        words, weights = read(model, tokenizer, macbeth(begins))
        speeches.append({"words": words, "weights": [round(w, 4) for w in weights[layer, head, -1].tolist()]})
    words, weights = readings[OURS]
    results = {
        "head": [layer, head],
        "on the thing, choosing": [[round(w, 4) for w in row] for row in means.tolist()],
        "on the thing, held out": [[round(w, 4) for w in row] for row in others.tolist()],
        "on the first word, held out": [[round(w, 4) for w in row] for row in first.tolist()],
        "held out": held_out,
        "two things": two_things,
        "ours": {"words": words, "weights": [[round(w, 4) for w in row] for row in weights[layer, head].tolist()]},
        "macbeth": speeches,
    }
    write_card(
        "pronoun_head",
        chapter="06",
        command=COMMAND,
        seconds=round(time.process_time() - started, 1),
        model="SmolLM2-135M-Instruct, weights of 4 bits",
        heads=means.numel(),
        sentences=len(readings) + len(two_things) + len(speeches),
    )
    text = json.dumps(results, indent=1)
    text = re.sub(
        r"\[\s+([^\[\]{}]+?)\s+\]", lambda m: "[" + " ".join(m[1].split()) + "]", text
    )  # a list of numbers, a line
    (TRAINED / "pronoun_head" / "results.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
