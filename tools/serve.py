"""A live preview of the book: rebuilds the page you edit and reloads it in the browser."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    # sphinx-autobuild drives Sphinx itself, so Jupyter Book first writes its settings out as a conf.py.
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    subprocess.run([jupyter_book, "config", "sphinx", "."], cwd=ROOT, check=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "_ext")}  # conf.py does not say where local extensions are
    ignored = [f"--ignore={ROOT / name}/*" for name in ("_build", ".venv", ".git", "trained")]
    try:
        subprocess.run(
            [sys.executable, "-m", "sphinx_autobuild", ".", "_build/serve", "--open-browser", *ignored, *sys.argv[1:]],
            cwd=ROOT,
            env=environment,
        )
    except KeyboardInterrupt:
        pass
    finally:
        (ROOT / "conf.py").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
