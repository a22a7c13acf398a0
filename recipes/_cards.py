"""What every recipe writes down beside its model: `trained/NAME/card.json`."""

import json
import os
import platform
from datetime import date
from pathlib import Path

TRAINED = Path(__file__).resolve().parent.parent / "trained"


def write_card(name: str, **facts: object) -> None:
    """Write a card; `rung`, `chapter`, `command`, `parameters` and `bits_per_character` put it on the ladder."""
    folder = TRAINED / name
    folder.mkdir(parents=True, exist_ok=True)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    card = {**facts, "machine": machine, "date": date.today().isoformat()}
    (folder / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
