"""Run the book's notebooks and store them without noise: `python tools/notebooks.py [NAME …]`, or `--check`.

A stored notebook is in normal form: what a run leaves behind by chance (times, editors' metadata, progress bars,
streams cut in pieces) is gone, code cells are numbered from 1, and figures are palette PNGs. So running a notebook
twice changes nothing, and `git diff` shows only what an author or a result changed. A NAME is a path or the start of
a file's name; without one, all notebooks run. `--check` runs nothing: it lists what is not in normal form and what
breaks the rules in notebook_rules.py.
"""

import argparse
import base64
import io
import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

import nbformat
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from notebook_rules import broken_rules
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "_ext"))
import repository  # noqa: E402

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
KEPT = ("tags", "mystnb", "name")  # cell metadata; the rest is what editors leave behind
OVERWRITTEN = re.compile(r"^.*\r(?=[^\n])|\r(?=\n)", re.MULTILINE)  # what a terminal would no longer show
COLAB = """\
# On Colab, fetch the book and its library; anywhere else, do nothing.
import sys

if "google.colab" in sys.modules:
    repository = "{repository}"
    !git clone -q --depth 1 {{repository}} /content/book
    %cd /content/book
    %pip install -q ".[book]"
    sys.path.append("/content/book")  # the drawings, figures/
    %cd chapters
"""
CELL_SECONDS = 600


def find(names: list[str], root: Path = ROOT) -> list[Path]:
    """The notebooks with these names (all without one): chapters first, then solutions."""
    every = sorted((root / "chapters").rglob("*.ipynb"), key=lambda path: (len(path.parts), path))
    every = [path for path in every if ".ipynb_checkpoints" not in path.parts]
    found = []
    for name in names:
        wanted = Path(name).resolve()
        matches = [path for path in every if path == wanted or path.name.startswith(name)]
        if not matches:
            raise SystemExit(f"no notebook is called {name}: there are {', '.join(path.stem for path in every)}")
        found += matches
    return list(dict.fromkeys(found)) if names else every


def normalise(notebook: NotebookNode, address: str) -> NotebookNode:
    """The notebook in normal form, in place."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat_minor = 5
    place_colab_cell(notebook, address)
    code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code_cells, start=1):
        cell.execution_count = number
        cell.outputs = normalise_outputs(cell.outputs, number)
    for cell in notebook.cells:
        cell.source = cell.source.strip("\n")
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in KEPT if key in cell.metadata})
    return notebook


def place_colab_cell(notebook: NotebookNode, address: str) -> None:
    """Put the cell that fetches the book on Colab, trained/ with it, after the title; the page does not show it.

    Until the repository has a real address there is nothing to fetch, and no such cell.
    """
    found = [cell for cell in notebook.cells if is_colab_cell(cell)]
    others = [cell for cell in notebook.cells if not is_colab_cell(cell)]
    for other in others:
        if other.get("id") == "colab":  # an editor may hand ids round
            other.id = nbformat.v4.new_code_cell().id
    notebook.cells = others
    if repository.is_real(address):
        cell = nbformat.v4.new_code_cell(COLAB.format(repository=address).strip(), id="colab")
        cell.metadata.tags = ["remove-cell"]
        cell.outputs = found[0].outputs if found else []
        after_title = 1 if others and others[0].cell_type == "markdown" else 0
        notebook.cells = [*others[:after_title], cell, *others[after_title:]]


def is_colab_cell(cell: NotebookNode) -> bool:
    """Known by its first line, whatever id an editor gave it."""
    return cell.cell_type == "code" and cell.source.lstrip().startswith(COLAB.partition("\n")[0])


def normalise_outputs(outputs: list[NotebookNode], number: int) -> list[NotebookNode]:
    """One stream for all that was printed, nothing from stderr (where progress bars go), palette PNGs."""
    kept: list[NotebookNode] = []
    printed = None
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            if printed:
                printed.text += output.text
                continue
            printed = output
        elif output.output_type == "execute_result":
            output.execution_count = number
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = palette_png(output.data["image/png"])
        kept.append(output)
    if printed:
        printed.text = OVERWRITTEN.sub("", printed.text)
    return kept


def palette_png(encoded: str, colours: int = 256) -> str:
    """A PNG on white with a palette: a third of the size, and the same to the eye."""
    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    if image.mode == "P":
        return encoded
    dpi = image.info.get("dpi", (144, 144))
    image = image.convert("RGBA")
    flat = Image.new("RGBA", image.size, "white")
    flat.alpha_composite(image)
    file = io.BytesIO()
    flat.convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(file, "png", optimize=True, dpi=dpi)
    return base64.b64encode(file.getvalue()).decode() + "\n"


def run(path: Path, root: Path = ROOT) -> str:
    """Run a notebook in its own folder and store it; a notebook that fails is left as it was."""
    place = path.relative_to(root)
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", record_timing=False, resources=where)
    client.extra_arguments = ["--log-level=ERROR"]
    began = perf_counter()
    try:
        client.execute()
    except (CellExecutionError, DeadKernelError, TimeoutError) as error:
        raise SystemExit(f"{place} failed and is left as it was:\n{error}") from None
    warnings = warnings_in(notebook)
    write(path, normalise(notebook, repository_url(root)))
    return "\n".join([f"{place}: {perf_counter() - began:.1f} s", *(f"    {warning}" for warning in warnings)])


def warnings_in(notebook: NotebookNode) -> list[str]:
    """What the cells warned of: it is not stored, so it is said to whoever runs them."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    lines = [line for output in outputs if output.get("name") == "stderr" for line in output.text.splitlines()]
    return sorted({line for line in lines if "Warning" in line})


def write(path: Path, notebook: NotebookNode) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(dump(notebook), encoding="utf-8")
    unfinished.replace(path)


def dump(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def repository_url(root: Path = ROOT) -> str:
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]


def is_normal(path: Path, address: str) -> bool:
    return path.read_text(encoding="utf-8") == dump(normalise(nbformat.read(path, as_version=4), address))


def check(paths: list[Path], root: Path = ROOT) -> list[str]:
    """One line for each notebook not in normal form and each rule broken."""
    address = repository_url(root)
    unusual = [f"{path.relative_to(root)}: not in normal form" for path in paths if not is_normal(path, address)]
    return unusual + [finding for path in paths for finding in broken_rules(path, root)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a path, or the start of a file's name; default: all")
    parser.add_argument("--check", action="store_true", help="run nothing; list what is not as it should be")
    arguments = parser.parse_args()
    paths = find(arguments.names)
    if arguments.check:
        if findings := check(paths):
            raise SystemExit("\n".join([*findings, "`make notebooks` puts notebooks in normal form"]))
        print(f"{len(paths)} notebooks in normal form")
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # the same results run to run, and faster when two run at once
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    with ProcessPoolExecutor(max_workers=2) as pool:
        for line in pool.map(run, paths):
            print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
