"""Run the scripts of a folder one after the other: `python tools/run_all.py recipes [NAME ...]`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(folder: str, *names: str) -> None:
    scripts = {path.stem: path for path in sorted((ROOT / folder).glob("[!_]*.py"))}
    unknown = sorted(set(names) - set(scripts))
    if unknown:
        sys.exit(f"NAME={' '.join(unknown)} is not in {folder}/: choose from {', '.join(scripts)}")
    for name in names or scripts:
        print(f"== {folder}/{name}.py", flush=True)
        if subprocess.run([sys.executable, str(scripts[name])], cwd=ROOT).returncode:
            sys.exit(f"{folder}/{name}.py failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
