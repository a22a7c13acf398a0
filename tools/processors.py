"""Run the notebooks as other processors would, and name the cells that differ: `python tools/processors.py 11`.

PyTorch, MKL and oneDNN choose their kernels by what the processor can do, and each kernel sums in an order of its own.
What a chapter prints must hold with all of them, or it was no conclusion. Each kind is a run of nbval over the
notebooks that are named, or over all: about ten minutes of two cores a kind, and twice that without vectors.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from notebooks import find

ROOT = Path(__file__).resolve().parent.parent
KINDS: dict[str, dict[str, str]] = {
    "this": {},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "plain": {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}


def failures(kind: str, paths: list[Path]) -> list[str]:
    """The cells that do not give what is stored, as pytest names them."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "--tb=no", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | KINDS[kind], stdout=subprocess.PIPE, text=True)
    lines = done.stdout.splitlines()
    if not lines or done.returncode > 1:  # 0 all passed, 1 some failed; anything else ran no test
        raise SystemExit(f"{kind}: pytest stopped with {done.returncode}: {lines[-1] if lines else 'no output'}")
    print(f"{kind:6} {lines[-1].strip('= ')}", flush=True)
    return [line.partition(" ")[2] for line in lines if line.startswith(("FAILED", "ERROR"))]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="notebooks, such as 11; all without any")
    parser.add_argument("--kind", action="append", choices=KINDS, help="one kind of processor; may be repeated")
    options = parser.parse_args(arguments)
    paths = find(options.names)
    found = {kind: failures(kind, paths) for kind in options.kind or KINDS}
    for kind, cells in found.items():
        for cell in cells:
            print(f"{kind:6} {cell}")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
