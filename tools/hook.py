"""What runs before a commit: `python tools/hook.py`, or with `install` to have git run it.

Style, notebooks in normal form, pages and prose within their limits: seconds, and no network. A commit that must go
through all the same: `git commit --no-verify`.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = {
    "style": ["-m", "ruff", "check", "--quiet"],
    "format": ["-m", "ruff", "format", "--check", "--quiet"],
    "notebooks": ["tools/notebooks.py", "--check"],
    "pages": ["tools/pages.py", "--check"],
    "prose": ["tools/prose.py", "--check"],
}
HOOK = "#!/bin/sh\nexec .venv/bin/python tools/hook.py  # by `make hook`\n"


def install(root: Path = ROOT) -> Path:
    """Put the hook where this repository looks for hooks; one that is not ours stays."""
    command = ["git", "rev-parse", "--git-path", "hooks/pre-commit"]
    path = root / subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    if path.exists() and path.read_text(encoding="utf-8") != HOOK:
        raise SystemExit(f"{path} is there already and is left alone: add `.venv/bin/python tools/hook.py` to it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HOOK, encoding="utf-8")
    path.chmod(0o755)
    return path


def main() -> None:
    if sys.argv[1:] == ["install"]:
        print(f"git runs {install()} before each commit")
        return
    failed = [
        name for name, command in CHECKS.items() if subprocess.run([sys.executable, *command], cwd=ROOT).returncode
    ]
    if failed:
        sys.exit(f"not committed: see {', '.join(failed)} above")


if __name__ == "__main__":
    main()
