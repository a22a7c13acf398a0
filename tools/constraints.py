"""Write `binder/constraints.txt`, the versions of the locks without their hashes: `python tools/constraints.py`.

Binder installs PyTorch and the library itself beside the packages of the locks; these two have no hash there, and pip
wants one for everything or for nothing.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-test.lock")


def constraints() -> str:
    """The pinned versions, a line each."""
    pinned = set()
    for lock in LOCKS:
        for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
            if re.match(r"[A-Za-z0-9]", line):
                pinned.add(re.sub(r"\s*\\$", "", line))
    return "\n".join(["# Made by `make lock` of the locks.", *sorted(pinned), ""])


if __name__ == "__main__":
    (ROOT / "binder" / "constraints.txt").write_text(constraints(), encoding="utf-8")
