"""How pytest checks the notebooks: nbval runs every cell again and compares what it gives with what is stored.

Text and whole numbers are equal, character by character. Numbers with a decimal point or an exponent may differ by
one part in a thousand, since processors round differently; a cell tagged `nbval-rtol=0.01` gets a hundredth. Figures
are not compared (a chapter asserts on the data it plots), drawings among them, nor is stderr, where progress bars and
warnings go.
"""

import os
import re
from collections import defaultdict

from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile

RELATIVE, ABSOLUTE = 1e-3, 1e-5
FRACTION = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+(?:[eE][-+]?\d+)?|[eE][-+]?\d+)")
NOT_COMPARED = ("stderr", "image/svg+xml", "application/papermill.record/image/png")
DRAWING = re.compile(r'\s*<svg[^>]* class="drawing[ "]')  # HTML, so that it takes the page's colors
SECONDS = 600


def pytest_configure(config):
    config.option.nbval = True  # whoever collects this folder means its notebooks
    config.option.nbval_current_env = True
    config.option.nbval_cell_timeout = SECONDS
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the same results run to run


def pytest_collectstart(collector):
    if isinstance(collector, IPyNbFile):
        collector.skip_compare += NOT_COMPARED


def close(stored: str, new: str, relative: float) -> bool:
    """Whether two texts differ in nothing but fractions, and in those by little; or are two drawings."""
    if DRAWING.match(stored) and DRAWING.match(new):
        return True
    if FRACTION.split(stored) != FRACTION.split(new):
        return False
    pairs = zip(map(float, FRACTION.findall(stored)), map(float, FRACTION.findall(new)), strict=True)
    return all(abs(a - b) <= max(relative * abs(a), ABSOLUTE) for a, b in pairs)


def texts(outputs) -> dict[str, list[tuple[dict, str]]]:
    """Every text among a cell's outputs, by its kind: (the mapping that holds it, its key)."""
    found = defaultdict(list)
    for output in outputs:
        if output.output_type == "stream":
            found[output.name].append((output, "text"))
        for kind in output.get("data", {}):
            found[kind].append((output.data, kind))
    return found


strict_comparison = IPyNbCell.compare_outputs


def compare_outputs(self, test, ref, skip_compare=None):
    """nbval's comparison, after new texts that are close to the stored ones have been replaced by those."""
    tags = [tag.partition("=") for tag in self.cell.metadata.get("tags", [])]
    relative = next((float(value) for name, _, value in tags if name == "nbval-rtol"), RELATIVE)
    stored_texts = texts(ref)
    for kind, places in texts(test).items():
        for (new, key), (stored, stored_key) in zip(places, stored_texts[kind], strict=False):
            if isinstance(new[key], str) and close(stored[stored_key], new[key], relative):
                new[key] = stored[stored_key]
    return strict_comparison(self, test, ref, skip_compare)


def execute_cell_input(self, cell_input, allow_stdin=None):
    """As Jupyter does it, with history: without one, IPython shows what a closing semicolon should silence."""
    return self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


IPyNbCell.compare_outputs = compare_outputs
RunningKernel.execute_cell_input = execute_cell_input
