"""Small notebooks to try the checks on."""

import base64
import io

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

ADDRESS = "https://example.org/book"
WORDS = {"image": {"alt": "A red square."}, "figure": {"name": "square", "caption": "Red all over."}}


def png(width: int = 8, *, dpi: int = 144, mode: str = "RGBA", noise: bool = False) -> str:
    """A square picture as a notebook stores it."""
    image = Image.effect_noise((width, width), 90).convert("RGB") if noise else Image.new("RGB", (width, width), "red")
    file = io.BytesIO()
    image.convert(mode).save(file, "png", dpi=(dpi, dpi))
    return base64.b64encode(file.getvalue()).decode()


def printed(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def glued(name: str, text: str) -> NotebookNode:
    """What `glue(name, value, display=False)` stores."""
    scrapbook = {"name": name, "mime_prefix": "application/papermill.record/"}
    data = {"application/papermill.record/text/plain": text}
    return new_output("display_data", data=data, metadata={"scrapbook": scrapbook})


def code(source: str, *outputs: NotebookNode, number: int | None = 1, **metadata: object) -> NotebookNode:
    return new_code_cell(source, outputs=list(outputs), execution_count=number, metadata=metadata)


def figure(data: str, *, words: dict | None = None, number: int = 1) -> NotebookNode:
    picture = new_output("display_data", data={"image/png": data, "text/plain": "<Figure>"})
    return code("plot()", picture, number=number, mystnb=WORDS if words is None else words)


def notebook(*cells: NotebookNode | str, title: str = "# A title") -> NotebookNode:
    """A notebook of these cells; a string is Markdown."""
    cells = [new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in (title, *cells)]
    return new_notebook(cells=cells, metadata={"language_info": {"name": "python", "pygments_lexer": "ipython3"}})


def store(path, contents: NotebookNode):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(contents, path)
    return path
