"""What every configuration checks of its sizes, so that a wrong one is refused where it is written."""

from dataclasses import fields
from typing import Any


class ModelConfig:
    """Base of the configurations: whole numbers are at least 1, dropout is a probability, and heads share equally."""

    def __post_init__(self) -> None:
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        for field in fields(self):  # type: ignore[arg-type]
            value, optional = values[field.name], field.type == int | None
            if (field.type is int or (optional and value is not None)) and not (isinstance(value, int) and value >= 1):
                raise ValueError(
                    f"{field.name}={value!r} must be at least 1, and whole: every part of the model needs a size"
                )
        d_model, n_heads = values.get("d_model", 0), values.get("n_heads", 1)
        if d_model % n_heads:
            raise ValueError(f"d_model={d_model} must be divisible by n_heads={n_heads}: heads share it equally")
        n_kv_heads = values.get("n_kv_heads") or n_heads
        if n_heads % n_kv_heads:
            raise ValueError(f"n_heads={n_heads} must be divisible by n_kv_heads={n_kv_heads}: groups are equal")
        if not 0 <= values.get("dropout", 0.0) < 1:
            raise ValueError(
                f"dropout={values['dropout']} must be in [0, 1): it is the probability of losing a feature"
            )
