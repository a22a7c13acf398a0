"""What every configuration checks of its sizes, so that a wrong one is refused where it is written."""

from dataclasses import fields
from typing import Any


class Sizes:
    """Base of the configurations: integers are at least 1, dropout a probability, and heads share d_model equally."""

    def __post_init__(self) -> None:
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        for name, value in values.items():
            if isinstance(value, int) and not isinstance(value, bool) and value < 1:
                raise ValueError(f"{name}={value} must be at least 1: every part of the model needs a size")
        d_model, n_heads = values["d_model"], values["n_heads"]
        if d_model % n_heads:
            raise ValueError(f"d_model={d_model} must be divisible by n_heads={n_heads}: heads share it equally")
        n_kv_heads = values.get("n_kv_heads") or n_heads
        if n_heads % n_kv_heads:
            raise ValueError(f"n_heads={n_heads} must be divisible by n_kv_heads={n_kv_heads}: groups are equal")
        if not 0 <= values.get("dropout", 0.0) < 1:
            raise ValueError(
                f"dropout={values['dropout']} must be in [0, 1): it is the probability of losing a feature"
            )
