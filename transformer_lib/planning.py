"""What training a Transformer will need: memory, bytes over the network, time and money, from formulas alone.

    parameters      N = L (2 D H Dh + 2 D G Dh + k D F) + tables · V D        matrices alone; k = 2, or 3 for SwiGLU
    arithmetic      6 N + 12 L H Dh T operations per token                    (Chowdhery et al. 2022, appendix B)
    states          2 + 2 + 12 bytes per parameter: weights and gradients in 16 bits; AdamW's two moments and a copy of
                    the weights in 32; cut among d processes by the stage     (Rajbhandari et al. 2020, section 5)
    activations     s b D (34 + 5 H s / D) bytes per layer                    (Korthikanti et al. 2022, equation 2)
    all-reduce      2 (n - 1) / n times its bytes, sent by each of n ranks    (Patarasuk and Yuan 2009)
    pipeline        idle for (p - 1) / (m + p - 1) of the time                (Huang et al. 2019, section 2.3)

Plain Python: nothing here imports torch. Bytes are bytes, GB are 10^9 of them, times are seconds.
"""

from dataclasses import dataclass

WEIGHT, GRADIENT, OPTIMIZER = 2, 2, 12
HOUR, DAY = 3600, 86_400
KEPT = ("everything", "no scores", "layer inputs")


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name}={value} must be above 0")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The sizes of a decoder-only Transformer."""

    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    d_head: int
    d_ff: int
    vocab_size: int
    context_length: int
    ff_matrices: int = 2
    """Of D by F, in a layer: 2, or 3 where there is a gate, as in SwiGLU."""
    tables: int = 1
    """Of V by D: 1 where the output shares the embedding's, else 2."""

    def __post_init__(self) -> None:
        _positive(**vars(self))

    @property
    def parameters(self) -> int:
        """Entries of all matrices. Biases, norms and learned positions, a thousandth in large models, are left out."""
        attention = 2 * self.d_model * (self.n_heads + self.n_kv_heads) * self.d_head
        layer = attention + self.ff_matrices * self.d_model * self.d_ff
        return self.n_layers * layer + self.tables * self.vocab_size * self.d_model

    @property
    def attention_flops(self) -> int:
        """Operations per token, forward and backward, of scores and weighted sums, which 6 N does not count."""
        return 12 * self.n_layers * self.n_heads * self.d_head * self.context_length


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a run is spread: `tensor · pipeline · data` processes, and what one of them handles at a time."""

    data: int = 1
    tensor: int = 1
    pipeline: int = 1
    stage: int = 0
    """Of sharding over the data-parallel ranks: 1 the optimizer's states, 2 gradients too, 3 weights too."""
    sequences: int = 1
    """In a micro-batch."""
    micro_batches: int = 1
    """That each pipeline takes in one step."""
    kept: str = "no scores"
    """Of the activations, until the backward pass: "everything", "no scores" (they are computed again, in tiles, as
    flash attention does), or "layer inputs" (each layer is computed again)."""

    def __post_init__(self) -> None:
        counts = ("data", "tensor", "pipeline", "sequences", "micro_batches")
        _positive(**{name: getattr(self, name) for name in counts})
        if self.stage not in (0, 1, 2, 3):
            raise ValueError(f"stage={self.stage} must be 0, 1, 2 or 3")
        if self.kept not in KEPT:
            raise ValueError(f"kept={self.kept!r} must be one of {', '.join(KEPT)}")

    @property
    def processes(self) -> int:
        """One for each device."""
        return self.data * self.tensor * self.pipeline


def training_flops(parameters: float, tokens: float, *, attention: float = 0, passes: int = 6) -> float:
    """Operations of a training run: `(passes · N + attention) · tokens`.

    Args:
        parameters: N; of a mixture of experts those that a token uses.
        tokens: Read in training.
        attention: `Shape.attention_flops`, or 0 to leave them out, as the rule of thumb 6 N does.
        passes: Operations per parameter and token: 2 forward, 4 backward, 2 more where the forward is computed twice.
    """
    _positive(parameters=parameters, tokens=tokens, passes=passes)
    return (passes * parameters + attention) * tokens


def training_seconds(flops: float, devices: int, peak: float, utilization: float) -> float:
    """How long `devices` of `peak` operations per second take, if they reach this share of it.

    Args:
        flops: Operations of the whole run.
        devices: How many compute.
        peak: Operations per second of one, at its best.
        utilization: The share of the peak that is reached.

    Raises:
        ValueError: If the utilization is not above 0 and at most 1, or another number is not above 0.
    """
    _positive(flops=flops, devices=devices, peak=peak, utilization=utilization)
    if utilization > 1:
        raise ValueError(f"utilization={utilization} must be at most 1: it is a share of the peak")
    return flops / (devices * peak * utilization)


def state_bytes(parameters: float, shards: int = 1, stage: int = 0) -> dict[str, float]:
    """Bytes of weights, gradients and optimizer on one of `shards` data-parallel ranks, by the stage of sharding.

    Args:
        parameters: Of the model.
        shards: Ranks that share the states.
        stage: 0 shares nothing; 1 the optimizer, 2 the gradients as well, 3 the weights as well.
    """
    _positive(parameters=parameters, shards=shards)
    each = {"weights": (WEIGHT, 3), "gradients": (GRADIENT, 2), "optimizer": (OPTIMIZER, 1)}
    return {name: size * parameters / (shards if stage >= first else 1) for name, (size, first) in each.items()}


def activation_bytes(shape: Shape, layout: Layout) -> float:
    """Bytes that one rank keeps for the backward pass, an estimate for GPT's block with `d_ff = 4 d_model`.

    Tensor parallelism is taken with the sequence cut as well, so that all of a layer is divided; a pipeline's first
    stage keeps min(p, m) micro-batches of its layers (Korthikanti et al. 2022, sections 4.2.2 and 4.2.3).

    Args:
        shape: The sizes of the model and the batch.
        layout: How the work is cut.
    """
    stream = shape.context_length * layout.sequences * shape.d_model
    scores = 5 * shape.n_heads * shape.context_length / shape.d_model
    layer = {"everything": stream * (34 + scores), "no scores": stream * 34, "layer inputs": stream * 2}[layout.kept]
    held = layer * shape.n_layers / layout.pipeline * min(layout.pipeline, layout.micro_batches)
    at_work = stream * 34 if layout.kept == "layer inputs" else 0
    return (held + at_work) / layout.tensor


def all_reduce_bytes(size: float, ranks: int) -> float:
    """Bytes that each rank sends in a ring all-reduce of `size` bytes; reduce-scatter and all-gather send half.

    Args:
        size: Bytes of the tensor.
        ranks: n.
    """
    _positive(ranks=ranks)
    return 2 * (ranks - 1) / ranks * size


def sent_bytes(shape: Shape, layout: Layout, parameters: float | None = None) -> dict[str, float]:
    """Bytes that one rank sends in a step, in 16 bits, for each kind of parallelism.

    Data: an all-reduce of the gradients, at stages 1 and 2 the same bytes as reduce-scatter and all-gather; at stage 3
    the weights are gathered twice for each micro-batch. Tensor: two all-reduces of the stream forward and two backward,
    per layer. Pipeline: the stream to the next stage, and its gradient back.

    Args:
        shape: The sizes of the model and the batch.
        layout: How the work is cut.
        parameters: Of the model; None counts them from the shape.
    """
    mine = WEIGHT * (shape.parameters if parameters is None else parameters) / (layout.tensor * layout.pipeline)
    half = all_reduce_bytes(mine, layout.data) / 2
    stream = 2 * shape.context_length * layout.sequences * shape.d_model * layout.micro_batches
    layers = shape.n_layers / layout.pipeline
    return {
        "data": half * (2 * layout.micro_batches + 1 if layout.stage == 3 else 2),
        "tensor": 4 * layers * all_reduce_bytes(stream, layout.tensor),
        "pipeline": 2.0 * stream / layout.tensor if layout.pipeline > 1 else 0.0,
    }


def bubble(stages: int, micro_batches: int) -> float:
    """The share of its time that a stage of a pipeline waits: (p - 1) / (m + p - 1).

    Args:
        stages: p.
        micro_batches: m.
    """
    _positive(stages=stages, micro_batches=micro_batches)
    return (stages - 1) / (micro_batches + stages - 1)
