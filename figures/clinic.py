"""The way from a symptom to the test that names its cause."""

from figures.drawing import Canvas, Drawing

# "My loss is …": what to ask next, and the test that answers.
SYMPTOMS: dict[str, list[tuple[str, str]]] = {
    "good, but its|text is not": [
        ("Different without a cache?", "assert_cache_exact"),
        ("Does it skip tokens?", "assert_targets"),
        ("Good at first, then nonsense?", "assert_matches(weights, …)"),
        ("Does it never end?", "last target == stop token"),
    ],
    "too good": [
        ("Is padding counted?", "assert_targets(ignore=pad)"),
        ("Does it see the answer?", "assert_causal"),
    ],
    "not a number": [
        ("In some batches only?", "assert_finite_alone"),
    ],
    "stuck or slow": [
        ("At ln 2, with preferences?", "assert_matches(reference, …)"),
        ("Do some weights stand still?", "assert_all_move"),
        ("Are all steps too short?", "singular values of a step"),
    ],
    "different|each time": [
        ("On the same text, twice?", "assert_repeatable"),
        ("With other micro-batches?", "assert_targets"),
        ("With other texts beside it?", "assert_rows_independent"),
    ],
    "higher after|a restart": [
        ("At once, and more parameters?", "assert_tied"),
        ("After the first few steps?", "assert_matches(resumed, …)"),
    ],
}
ROW, GAP, TRUNK, LEFT, WIDTH, BRANCH, RIGHT = 36, 12, 11.0, 24.0, 98.0, 136.0, 150.0


def my_loss_is(symptoms: dict[str, list[tuple[str, str]]] | None = None) -> Drawing:
    """Draw a flow chart from symptoms by questions to tests; a bar in a symptom breaks its line."""
    symptoms = SYMPTOMS if symptoms is None else symptoms
    canvas = Canvas("my_loss_is")
    canvas.part("My loss is …", 60, 4, 112, learned=False)
    y, middle = 44.0, 30.0
    for symptom, questions in symptoms.items():
        height = ROW * len(questions)
        middle = y + height / 2
        lines = symptom.split("|")
        box = 18.0 * len(lines) + 10
        canvas.rectangle(LEFT, middle - box / 2, WIDTH, box, "node", ' rx="4"')
        for i, line in enumerate(lines):
            canvas.text(line, LEFT + WIDTH / 2, middle + 4.4 + 17 * (i - (len(lines) - 1) / 2))
        canvas.arrow((TRUNK, middle), (LEFT, middle))
        rows = [y + ROW * (i + 0.5) for i in range(len(questions))]
        canvas.line((LEFT + WIDTH, middle), (BRANCH, middle))
        if len(rows) > 1:
            canvas.line((BRANCH, rows[0]), (BRANCH, rows[-1]))
        for row, (question, test) in zip(rows, questions, strict=True):
            canvas.arrow((BRANCH, row), (RIGHT, row))
            canvas.text(question, RIGHT + 5, row - 3, "", "start")
            canvas.text(test, RIGHT + 5, row + 12, "code muted", "start")
        y += height + GAP
    canvas.line((TRUNK, 30), (TRUNK, middle))
    said = "; ".join(
        f"{symptom.replace('|', ' ')}: " + ", ".join(f"{question} {test}" for question, test in questions)
        for symptom, questions in symptoms.items()
    )
    return canvas.finish(f"A flow chart from what the loss does to the test that names the cause. {said}.")
