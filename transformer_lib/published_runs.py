"""Training runs as their papers describe them, to hold the formulas of `planning` against.

Each `Run` has what the formulas need, and `facts`: a quantity, what the paper says, and where. A fact is never an input
of its own calculation. Utilizations are the papers' (or follow from a throughput that they state); peaks are of dense
16-bit products: A100 312, H100 989, TPU v4 275 teraFLOP/s.
"""

from dataclasses import dataclass, field

from transformer_lib.planning import DAY, HOUR, Layout, Shape, training_flops, training_seconds


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What a paper says of a quantity that can be computed."""

    quantity: str
    value: float
    where: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """A model, its data and its machine; None is what the paper does not say."""

    name: str
    source: str
    tokens: float
    facts: tuple[Fact, ...]
    shape: Shape | None = None
    parameters: float | None = None
    """Where the paper says it and the shape does not give it."""
    devices: int | None = None
    peak: float | None = None
    utilization: float | None = None
    gpu_hours: float | None = None
    """Stated, where there is no utilization to compute them from."""
    dollars_per_hour: float | None = None
    layout: Layout | None = None
    passes: int = 6
    attention: bool = False
    """Whether the paper's utilization counts attention's own products."""
    note: str = field(default="")

    def computed(self, quantity: str) -> float:
        """The quantity of that name, from the formulas.

        Raises:
            ValueError: If it has another name, or something that it needs is not there.
        """
        shape, N = self.shape, self.parameters
        if quantity == "parameters" and shape is not None:
            return shape.parameters
        N = N if N is not None or shape is None else shape.parameters
        if N is None:
            raise ValueError(f"{self.name} needs a shape or parameters")
        attention = shape.attention_flops if self.attention and shape is not None else 0
        flops = training_flops(N, self.tokens, attention=attention, passes=self.passes)
        if quantity == "flops":
            return flops
        if quantity == "dollars" and self.gpu_hours is not None and self.dollars_per_hour is not None:
            return self.gpu_hours * self.dollars_per_hour
        if self.devices is None or self.peak is None or self.utilization is None:
            raise ValueError(f"{quantity} of {self.name} needs devices, peak and utilization")
        seconds = training_seconds(flops, self.devices, self.peak, self.utilization)
        times = {
            "days": seconds / DAY,
            "gpu_hours": self.devices * seconds / HOUR,
            "tokens_per_second": self.tokens / seconds,
        }
        if quantity not in times:
            raise ValueError(f"quantity={quantity!r} must be parameters, flops, dollars, {', '.join(times)}")
        return times[quantity]


GPT3 = Shape(
    n_layers=96, d_model=12_288, n_heads=96, n_kv_heads=96, d_head=128, d_ff=49_152, vocab_size=50_257,
    context_length=2048,
)  # fmt: skip
TRILLION = Shape(
    n_layers=128, d_model=25_600, n_heads=160, n_kv_heads=160, d_head=160, d_ff=102_400, vocab_size=51_200,
    context_length=2048,
)  # fmt: skip
PALM = Shape(
    n_layers=118, d_model=18_432, n_heads=48, n_kv_heads=1, d_head=256, d_ff=73_728, vocab_size=256_000,
    context_length=2048, ff_matrices=3,
)  # fmt: skip
LLAMA = Shape(
    n_layers=80, d_model=8192, n_heads=64, n_kv_heads=64, d_head=128, d_ff=22_016, vocab_size=32_000,
    context_length=2048, ff_matrices=3, tables=2,
)  # fmt: skip
LLAMA3 = Shape(
    n_layers=126, d_model=16_384, n_heads=128, n_kv_heads=8, d_head=128, d_ff=53_248, vocab_size=128_000,
    context_length=8192, ff_matrices=3, tables=2,
)  # fmt: skip
A100, H100, TPU_V4 = 312e12, 989e12, 275e12

RUNS = (
    Run(
        name="GPT-3 175B", source="brown2020", shape=GPT3, tokens=300e9,
        facts=(
            Fact(quantity="parameters", value=174.6e9, where="Table D.1"),
            Fact(quantity="flops", value=3.14e23, where="Table D.1"),
        ),
    ),
    Run(
        name="GPT-3's shape on 1,024 A100", source="narayanan2021", shape=GPT3, parameters=175e9, tokens=300e9,
        devices=1024, peak=A100, utilization=140e12 / A100, passes=8,
        facts=(Fact(quantity="days", value=34, where="Section 5.1"),),
        note="an estimate of its authors; activations are computed twice, which their utilization counts",
    ),
    Run(
        name="Megatron 1T on 3,072 A100", source="narayanan2021", shape=TRILLION, tokens=450e9,
        devices=3072, peak=A100, utilization=163e12 / A100, passes=8,
        facts=(
            Fact(quantity="parameters", value=1008.0e9, where="Table 1"),
            Fact(quantity="days", value=84, where="Section 5.1"),
        ),
        layout=Layout(data=6, tensor=8, pipeline=64, micro_batches=512, kept="layer inputs"),
        note="an estimate of its authors; activations are computed twice, which their utilization counts",
    ),
    Run(
        name="Chinchilla 70B", source="hoffmann2022", parameters=70e9, tokens=1.4e12,
        facts=(Fact(quantity="flops", value=5.76e23, where="Figure 2"),),
    ),
    Run(
        name="PaLM 540B", source="chowdhery2022", shape=PALM, tokens=780e9,
        devices=6144, peak=TPU_V4, utilization=0.462, attention=True,
        facts=(
            Fact(quantity="parameters", value=540.35e9, where="Table 1"),
            Fact(quantity="tokens_per_second", value=238.3e3, where="Section 4.1"),
        ),
    ),
    Run(
        name="LLaMA 65B", source="touvron2023", shape=LLAMA, tokens=1.4e12,
        devices=2048, peak=A100, utilization=380 * 6 * 65.2e9 / A100,
        facts=(
            Fact(quantity="parameters", value=65.2e9, where="Table 2"),
            Fact(quantity="days", value=21, where="Section 2.4"),
            Fact(quantity="gpu_hours", value=1_022_362, where="Table 15"),
        ),
        note="its utilization follows from 380 tokens per second and GPU",
    ),
    Run(
        name="Llama 2 70B", source="touvron2023b", parameters=70e9, tokens=2e12,
        devices=2048, peak=A100, utilization=380 * 6 * 65.2e9 / A100,
        facts=(Fact(quantity="gpu_hours", value=1_720_320, where="Table 2"),),
        note="the paper states no throughput: with the utilization of LLaMA 65B",
    ),
    Run(
        name="Llama 3 405B", source="grattafiori2024", shape=LLAMA3, tokens=15.6e12,
        devices=16_384, peak=H100, utilization=400e12 / H100,
        facts=(
            Fact(quantity="parameters", value=405e9, where="Section 3.2"),
            Fact(quantity="flops", value=3.8e25, where="Section 3.2"),
            Fact(quantity="gpu_hours", value=30.84e6, where="model card of Llama 3.1"),
        ),
        layout=Layout(data=128, tensor=8, pipeline=16, stage=2, micro_batches=16),
        note="400 teraFLOP/s on 16,384 GPUs (Table 4); the hours are of all phases, with what was lost",
    ),
    Run(
        name="DeepSeek-V3", source="deepseek2024", parameters=37e9, tokens=14.8e12,
        gpu_hours=2.664e6, dollars_per_hour=2.0,
        facts=(Fact(quantity="dollars", value=5.328e6, where="Table 1"),),
        note="parameters that a token uses, of 671 billion; hours and price are the paper's",
    ),
)  # fmt: skip
