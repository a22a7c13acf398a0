"""How a judgment reaches a model: by a reward model, by pairs alone, or by a program that checks."""

from itertools import pairwise

from figures.drawing import Canvas, Drawing

LANES = {
    "a reward model": (
        ("people judge", "pairs of texts"),
        ("a reward model", "learns from it"),
        ("the policy writes", "new texts"),
        ("it scores", "these texts"),
        ("a policy-", "gradient step"),
    ),
    "pairs alone": (
        ("people judge", "pairs of texts"),
        ("the policy learns", "from the pairs"),
    ),
    "a program": (
        ("questions with", "answers that can", "be checked"),
        ("the policy writes", "K answers each"),
        ("the program", "checks them"),
        ("a policy-", "gradient step"),
    ),
}
REPEATED = {"a reward model": (2, 4), "a program": (1, 3)}  # the boxes between which a lane goes round


def three_ways_of_judging() -> Drawing:
    """Draw what is done once and what again and again in RLHF, in DPO, and with a verifiable reward."""
    canvas = Canvas("three_ways_of_judging")
    width, pitch, line = 108.0, 120.0, 15.0
    for column, (title, boxes) in enumerate(LANES.items()):
        x = 58 + pitch * column
        canvas.text(title, x, 14, "strong")
        y, places = 26.0, []
        for words in boxes:
            height = line * len(words) + 9
            canvas.rectangle(x - width / 2, y, width, height, "node", ' rx="4"')
            for i, part in enumerate(words):
                canvas.text(part, x, y + 16 + line * i, "small")
            places.append((y, y + height))
            y += height + 22
        for (_, above), (below, _) in pairwise(places):
            canvas.arrow((x, above), (x, below))
        if title in REPEATED:
            first, last = (places[i] for i in REPEATED[title])
            bottom, side = last[1] + 12, x + width / 2 + 4
            top = first[0] - 11
            canvas.line((x, last[1]), (x, bottom), (side, bottom), (side, top), kind="marked")
            canvas.arrow((side, top), (x + 3, top), kind="marked", head="mark")
    canvas.rectangle(8, canvas.bottom + 20, 16, 3, "mark")
    canvas.text("again and again, with new texts of the policy", 30, canvas.bottom + 5, "small", "start")
    return canvas.finish(
        "Three columns. With a reward model: people judge pairs of texts, a reward model learns from them, and then "
        "the policy writes, the reward model scores, and a policy-gradient step follows, again and again. With pairs "
        "alone: people judge pairs, and the policy learns from these. With a program: there are questions whose "
        "answers it can check; the policy writes several answers to each, the program checks them, and a "
        "policy-gradient step follows, again and again."
    )
