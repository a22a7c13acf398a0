"""Whole models: the block and its stream, the Transformer of 2017, and what GPT and BERT kept of it."""

from figures.drawing import Canvas, Drawing, number


def pre_and_post_norm() -> Drawing:
    """Draw a block of each kind side by side: the stream, what is added to it, and where the norms are."""
    canvas = Canvas("pre_and_post_norm")
    for stream, kind in ((36.0, "pre"), (224.0, "post")):
        branch = stream + 78
        canvas.text(f"{kind}-norm", stream - 28, 16, "strong", "start")
        canvas.shape("x", ("T", "D"), stream - 28, 42, "start")
        canvas.path(f"M{number(stream)} 52V348", "stream")
        for top, name in ((52.0, "attention"), (200.0, "feed-forward")):
            work, add = top + 58, top + 106
            if kind == "pre":
                canvas.arrow((stream, top + 8), (branch, top + 8), (branch, top + 17))
                canvas.part("norm", branch, top + 18, 96, 24)
                canvas.arrow((branch, top + 42), (branch, work - 1))
            else:
                canvas.arrow((stream, top + 8), (branch, top + 8), (branch, work - 1))
            canvas.part(name, branch, work, 108, 30)
            canvas.arrow((branch, work + 30), (branch, add), (stream + 9, add))
            canvas.plus(stream, add)
            if kind == "post":
                canvas.part("norm", stream, add + 15, 62, 22)
        canvas.path(f"M{number(stream - 7)} 348h14l-7 12z", "flow")
        canvas.shape("output", ("T", "D"), stream - 28, 380, "start")
    canvas.line((184, 8), (184, 384), kind="hair")
    canvas.text("The norms stand", 6, 408, "muted", "start")
    canvas.text("beside the stream.", 6, 424, "muted", "start")
    canvas.text("The stream passes", 190, 408, "muted", "start")
    canvas.text("through every norm.", 190, 424, "muted", "start")
    end = canvas.legend({"T": "positions", "D": "width of the stream"}, 452)
    canvas.legend({}, end + 19, hatched=True)
    return canvas.finish(
        "Two blocks side by side. Pre-norm: the stream runs straight through; a copy goes through a norm and attention "
        "and is added to it, and then a copy goes through a norm and the feed-forward network and is added. Post-norm: "
        "the copy goes to attention at once, and after each addition the whole stream passes through a norm."
    )


def gpt_beside_llama() -> Drawing:
    """Draw a block of GPT-2 beside one of LLaMA; what changed is framed."""
    canvas = Canvas("gpt_beside_llama")
    models = (
        (
            "GPT-2",
            36.0,
            "LayerNorm",
            ("attention", "H key-value heads"),
            ("feed-forward", "GELU"),
            "+ learned positions",
        ),
        (
            "LLaMA",
            224.0,
            "RMSNorm",
            ("attention", "G key-value heads"),
            ("feed-forward", "SwiGLU"),
            "no positions added",
        ),
    )
    for name, stream, norm, attention, feed_forward, positions in models:
        new = name == "LLaMA"
        branch = stream + 74
        canvas.text(name, stream - 28, 16, "strong", "start")
        canvas.text(positions, stream - 28, 38, "word" if new else "", "start")
        canvas.path(f"M{number(stream)} 48V372", "stream")
        for top, (part, kind), inside in ((52.0, attention, "RoPE on q and k"), (222.0, feed_forward, "")):
            canvas.arrow((stream, top + 8), (branch, top + 8), (branch, top + 17))
            canvas.part(norm, branch, top + 18, 104, 24)
            canvas.arrow((branch, top + 42), (branch, top + 57))
            canvas.part(part, branch, top + 58, 104, 30)
            if new:
                canvas.rectangle(branch - 52, top + 18, 104, 24, "marked", ' rx="4"')
                canvas.rectangle(branch - 52, top + 58, 104, 30, "marked", ' rx="4"')
            words = [kind, inside] if inside and new else [kind]
            for i, line in enumerate(words):
                canvas.text(line, branch + 52, top + 103 + 16 * i, "word small" if new else "muted small", "end")
            add = top + (142 if inside else 126)
            canvas.line((branch + 57, top + 73), (branch + 57, add))
            canvas.line((branch + 52, top + 73), (branch + 57.6, top + 73))
            canvas.arrow((branch + 57, add), (stream + 9, add))
            canvas.plus(stream, add)
        canvas.path(f"M{number(stream - 7)} 372h14l-7 12z", "flow")
    canvas.line((182, 8), (182, 384), kind="hair")
    y = canvas.bottom + 24
    canvas.rectangle(6, y - 10, 18, 12, "marked", ' rx="3"')
    canvas.text("changed in LLaMA", 30, y, "", "start")
    canvas.legend({}, y, columns=(190,), hatched=True)
    return canvas.finish(
        "A block of GPT-2 beside one of LLaMA. Both are pre-norm. LLaMA has RMSNorm in place of LayerNorm, SwiGLU in "
        "place of GELU, fewer heads of keys and values than of queries where they are grouped, and no positions added "
        "to the stream: RoPE turns queries and keys inside attention."
    )


MASKS = {"all": lambda i, j: True, "causal": lambda i, j: j <= i, "real": lambda i, j: j < 3}


def mask(canvas: Canvas, kind: str, left: float, top: float, side: float = 18, steps: int = 4) -> None:
    """A small mask, queries down and keys across: filled where a query may look."""
    unit = side / steps
    for i in range(steps):
        for j in range(steps):
            allowed = MASKS[kind](i, j)
            style = "bar" if allowed else "box"
            canvas.rectangle(left + unit * j, top + unit * i, unit - 0.6, unit - 0.6, style)


def encoder_decoder_bert_gpt() -> Drawing:
    """Draw the encoder-decoder, BERT and GPT as one drawing, with what each lacks left as an outline."""
    canvas = Canvas("encoder_decoder_bert_gpt")
    models = (
        ("Encoder-decoder", (True, True, True), ("source", "target so far"), ("", "next token of the target")),
        ("BERT: the encoder alone", (True, False, False), ("text with holes", ""), ("the tokens in the holes", "")),
        ("GPT: the decoder alone", (False, True, False), ("", "text so far"), ("", "next token")),
    )
    left, right, width = 76.0, 276.0, 140.0
    for k, (title, (encoder, decoder, cross), starts, ends) in enumerate(models):
        top = 16.0 + 216 * k
        canvas.text(title, 6, top, "strong", "start")
        rows = [top + 46, top + 84, top + 122]
        bottom = rows[2] + 28
        for x, there, start, end in ((left, encoder, starts[0], ends[0]), (right, decoder, starts[1], ends[1])):
            if there:
                if start:
                    canvas.text(start, x, top + 24)
                canvas.arrow((x, top + 30), (x, rows[0] - 1))
                if x == right and cross:
                    canvas.arrow((x, rows[0] + 26), (x, rows[1] - 1))
                    canvas.arrow((x, rows[1] + 26), (x, rows[2] - 1))
                else:
                    canvas.arrow((x, rows[0] + 26), (x, rows[2] - 1))
                if end:
                    canvas.arrow((x, rows[2] + 26), (x, bottom + 14))
                    canvas.text(end, x, bottom + 29)
        kinds = (
            (left, rows[0], "attention", encoder, "all"),
            (left, rows[2], "feed-forward", encoder, None),
            (right, rows[0], "attention", decoder, "causal"),
            (right, rows[1], "cross-attention", cross, "all"),
            (right, rows[2], "feed-forward", decoder, None),
        )
        for x, y, name, there, pattern in kinds:
            if not there:
                canvas.rectangle(x - width / 2, y, width, 26, "gone", ' rx="4"')
                continue
            canvas.part("" if pattern else name, x, y, width)
            if pattern:
                canvas.text(name, x - 8, y + 17.4)
                mask(canvas, pattern, x + width / 2 - 24, y + 4)
        if encoder and decoder:
            canvas.arrow(
                (left, rows[2] + 26),
                (left, bottom + 10),
                (176, bottom + 10),
                (176, rows[1] + 13),
                (right - width / 2 - 2, rows[1] + 13),
            )
        if k < 2:
            canvas.line((6, top + 193), (354, top + 193), kind="hair")
    y = 16.0 + 216 * 3
    mask(canvas, "all", 6, y - 13)
    canvas.text("looks everywhere", 32, y, "", "start")
    mask(canvas, "causal", 190, y - 13)
    canvas.text("looks back only", 216, y, "", "start")
    canvas.legend({}, y + 22, columns=(6, 190), hatched=True)
    canvas.text("in N layers each", 190, y + 22, "muted", "start")
    return canvas.finish(
        "Three models in one drawing. The encoder-decoder: attention and a feed-forward network in the encoder; causal "
        "attention, cross-attention to the encoder, and a feed-forward network in the decoder. BERT is the encoder "
        "alone: the decoder is an empty outline. GPT is the decoder alone, without cross-attention: that and the "
        "encoder are empty outlines."
    )


def gpt_model(n_layers: int, *, source: str = "the text so far", written: str = "next character") -> Drawing:
    """Draw a whole GPT: tokens, two tables, the layers with their stream, the last norm, and the head."""
    canvas = Canvas("gpt_model", {"D": 1})
    stream, branch, width = 116.0, 236.0, 108.0

    def beside(y: float, name: str, pattern: str | None = None) -> float:
        """A norm and a part beside the stream, from y on, and what they add to it; returns where."""
        canvas.arrow((stream, y), (branch, y), (branch, y + 9))
        canvas.part("norm", branch, y + 10, 84, 22)
        canvas.arrow((branch, y + 32), (branch, y + 43))
        canvas.part("" if pattern else name, branch, y + 44, width)
        if pattern:
            canvas.text(name, branch - 5, y + 61.4)
            mask(canvas, pattern, branch + width / 2 - 22, y + 49, 16)
        add = y + 86
        canvas.arrow((branch, y + 70), (branch, add), (stream + 9, add))
        canvas.plus(stream, add)
        return add

    canvas.text(source, stream, 14)
    canvas.arrow((stream, 20), (stream, 33))
    canvas.shape("ids", ("T",), stream + 10, 30, "start")
    canvas.part("embedding", stream, 36, 112)
    canvas.shape("E", ("V", "D"), stream + 62, 53, "start")
    canvas.arrow((stream, 62), (stream, 81))
    canvas.part("positions", branch, 77, width)
    canvas.shape("P", ("T", "D"), branch + width / 2 + 6, 94, "start")
    canvas.arrow((branch - width / 2, 90), (stream + 9, 90))
    canvas.plus(stream, 90)
    canvas.shape("x", ("T", "D"), stream + 12, 118, "start")
    top = 126.0
    end = beside(beside(top + 12, "attention", "causal") + 18, "feed-forward")
    canvas.shape("h", ("T", "F"), branch + width / 2 + 6, end - 25, "start")
    canvas.rectangle(44, top, 314, end + 16 - top, "layer", ' rx="8"')
    canvas.path(f"M{number(stream)} 98V{number(end + 26)}", "stream")
    for add in (90.0, top + 98, end):  # above the stream
        canvas.plus(stream, add)
    canvas.text(f"{n_layers} layers", 50, top + 18, "strong", "start")
    y = end + 28
    canvas.part("norm", stream, y, 84, 22)
    canvas.arrow((stream, y + 22), (stream, y + 35))
    canvas.part("head", stream, y + 36, 112)
    canvas.text("= embedding, transposed", stream + 62, y + 53, "muted small", "start")
    canvas.line((stream - 56, 49), (24, 49), (24, y + 49), (stream - 57, y + 49), kind="hair")
    canvas.text("tied", 28, y + 44, "muted small", "start")
    canvas.arrow((stream, y + 62), (stream, y + 81))
    canvas.shape("logits", ("T", "V"), stream + 10, y + 76, "start")
    canvas.part("softmax", stream, y + 82, 112, learned=False)
    canvas.arrow((stream, y + 108), (stream, y + 123))
    canvas.text(written, stream, y + 138)
    y += 166
    canvas.path(f"M4 {number(y - 4)}h20", "stream")
    canvas.text("the stream", 30, y, "", "start")
    canvas.legend({}, y, columns=(190,), hatched=True)
    y += 24
    mask(canvas, "causal", 4, y - 13)
    canvas.text("hides the future", 30, y, "", "start")
    canvas.legend(
        {"T": "positions", "D": "width of the stream", "F": "width inside", "V": "vocabulary"}, y + 24, columns=(4, 190)
    )
    return canvas.finish(
        "A GPT. Tokens go through the embedding, and the vectors of their positions are added. In each of the "
        f"{n_layers} layers, a copy of the stream goes through a norm and causal attention and is added to the stream, "
        "and then a copy goes through a norm and the feed-forward network and is added. A last norm follows, and the "
        "head, which is the embedding's matrix, transposed. Softmax gives the next token after each position."
    )


def transformer_2017(
    n_layers: int, *, source: str = "source tokens", target: str = "target tokens so far", written: str = "next tokens"
) -> Drawing:
    """Draw the whole encoder-decoder of 2017: residual connections, norms, masks, and where Q, K and V come from."""
    canvas = Canvas("transformer_2017", {"D": 1})
    left, right, width = 86.0, 262.0, 136.0
    start = 112.0

    def entry(x: float, name: str) -> None:
        canvas.text(name, x, 14)
        canvas.arrow((x, 20), (x, 33))
        canvas.part("embedding", x, 34, 124)
        canvas.arrow((x, 60), (x, 73))
        canvas.plus(x, 82)
        canvas.line((x, 90), (x, start))
        canvas.text("+ positions", x + 14, 86.5, "muted small", "start")

    def sublayer(x: float, y: float, name: str, side: int, pattern: str | None = None) -> float:
        """One part with its residual connection, which passes on the given side, and the norm; returns its end."""
        canvas.arrow((x, y), (x, y + 21))
        canvas.part("" if pattern else name, x, y + 22, width)
        if pattern:
            canvas.text(name, x - 4, y + 39.4)
            mask(canvas, pattern, x + width / 2 - 20, y + 27, 16)
        canvas.arrow((x, y + 48), (x, y + 60))
        canvas.plus(x, y + 69)
        around = x + side * 76
        canvas.path(
            f"M{number(x)} {number(y + 7)}H{number(around)}V{number(y + 69)}H{number(x + side * 14)}", "stream thin"
        )
        canvas.tip(x + side * 9, y + 69, -side, 0, "flow")
        canvas.line((x, y + 77), (x, y + 84))
        canvas.part("norm", x, y + 84, 84, 22)
        canvas.line((x, y + 106), (x, y + 112))
        return y + 112

    entry(left, source)
    entry(right, target)
    top = start - 6
    y = sublayer(left, start, "attention", -1, "real")
    encoder_end = sublayer(left, y, "feed-forward", -1)
    canvas.rectangle(4, top, 164, encoder_end - top + 4, "layer", ' rx="8"')
    y = sublayer(right, start, "attention", 1, "causal")
    cross = y
    y = sublayer(right, y, "cross-attention", 1, "real")
    decoder_end = sublayer(right, y, "feed-forward", 1)
    canvas.rectangle(180, top, 166, decoder_end - top + 4, "layer", ' rx="8"')
    canvas.text(f"encoder, {n_layers} layers", 6, encoder_end + 52, "strong", "start")
    canvas.shape("m", ("S", "D"), left - 8, encoder_end + 24, "end")
    canvas.arrow(
        (left, encoder_end),
        (left, encoder_end + 30),
        (174, encoder_end + 30),
        (174, cross + 35),
        (right - width / 2 - 1, cross + 35),
    )
    for y in (start, cross):
        canvas.text("Q" if y == cross else "Q, K, V", right - 6, y + 18.5, "code", "end")
    canvas.text("Q, K, V", left - 6, start + 18.5, "code", "end")
    canvas.text("K, V", 168, encoder_end + 24, "code", "end")
    canvas.text(f"decoder, {n_layers} layers", 172, decoder_end + 20, "strong", "end")
    canvas.line((right, decoder_end), (right, decoder_end + 12))
    canvas.arrow((right, decoder_end + 4), (right, decoder_end + 25))
    canvas.part("linear", right, decoder_end + 26, 124)
    canvas.shape("logits", ("T", "V"), right - 70, decoder_end + 57, "end")
    canvas.arrow((right, decoder_end + 52), (right, decoder_end + 67))
    canvas.part("softmax", right, decoder_end + 68, 124, learned=False)
    canvas.arrow((right, decoder_end + 94), (right, decoder_end + 109))
    canvas.text(written, right, decoder_end + 124)
    y = decoder_end + 154
    canvas.path(f"M4 {number(y - 4)}h20", "stream thin")
    canvas.text("residual connection", 30, y, "", "start")
    canvas.legend({}, y, columns=(190,), hatched=True)
    y += 24
    mask(canvas, "real", 4, y - 13)
    canvas.text("hides padding", 30, y, "", "start")
    mask(canvas, "causal", 190, y - 13)
    canvas.text("hides the future", 216, y, "", "start")
    canvas.legend(
        {"S": "source positions", "T": "target positions", "D": "width of the stream", "V": "vocabulary"},
        y + 24,
        columns=(4, 190),
    )
    return canvas.finish(
        f"The Transformer of 2017. The encoder: embeddings plus positions, then {n_layers} layers of attention and a "
        "feed-forward network, each with a residual connection around it and a norm after the addition. The decoder: "
        f"embeddings plus positions, then {n_layers} layers of causal attention, cross-attention to the encoder, "
        "and a feed-forward network, each with its residual connection and norm; a linear layer and softmax then "
        "give the next token after each token of the target. The keys and values of every cross-attention come from "
        "the output of the last encoder layer, and its queries from the decoder."
    )
