"""The engine where readers meet it: in a Jupyter kernel, with functions defined in cells."""

import socket
import textwrap

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

# The time limit is shortened, since every endless loop is waited for.
PREPARE = """
    import dataclasses, sys, time
    import numpy as np
    from transformer_lib.exercises import check, counting
    counting.bigram_counts = dataclasses.replace(counting.bigram_counts, seconds=0.5)
"""
CALL = "\n\n    bigram_counts(np.array([1]), 2)\n\n"
TOO_SLOW = f"""\
01.bigram_counts: too slow. After 0.5 seconds it was still at work on input
1 of 9:{CALL}Either a loop never ends, or there is a way with less work.
"""
CELLS = {
    "stub": ("...", "01.bigram_counts: not attempted yet (the function returns None).\n"),
    "right": ("return counting.bigram_counts(tokens, vocab_size)", "01.bigram_counts: correct.\n"),
    "noisy": (
        """
        print("x" * 100_000)
        print("x" * 100_000, file=sys.stderr)
        import warnings
        warnings.warn("careful")
        return counting.bigram_counts(tokens, vocab_size)
        """,
        "01.bigram_counts: correct.\n",
    ),
    "endless": ("while True: print('more')", TOO_SLOW),
    "obstinate": (
        """
        while True:
            try:
                print("more")
            except:
                pass
        """,
        TOO_SLOW,
    ),
    "raises": (
        "return later(tokens)",
        "01.bigram_counts: not yet. The smallest input on which it raises\n"
        f"ZeroDivisionError:{CALL}    ZeroDivisionError: division by zero\n"
        "    in line 2 of later: return tokens / 0 if False else 1 / 0\n\n"
        "Something is divided by 0 on this input. What should come out there?\n",
    ),
    "exits": (
        "sys.exit('done')",
        f"01.bigram_counts: not yet. The smallest input on which it raises SystemExit:{CALL}"
        "    SystemExit: done\n    in line 3 of bigram_counts: sys.exit('done')\n",
    ),
    "blocks": (
        "time.sleep(1000)",
        f"{TOO_SLOW}\nIt could not be stopped and goes on in the background: restart the kernel.\n",
    ),
    "afterwards": ("return counting.bigram_counts(tokens, vocab_size).T", None),
}


def cell(body):
    body = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    return (
        f'def bigram_counts(tokens, vocab_size):\n    """Count."""\n{body}\n\ncheck("01.bigram_counts", bigram_counts)'
    )


@pytest.fixture(scope="module")
def outputs():
    """What each cell of a notebook puts out: (kind or stream, text) pairs."""
    sources = [textwrap.dedent(PREPARE), "def later(tokens):\n    return tokens / 0 if False else 1 / 0"]
    sources += [cell(body) for body, _ in CELLS.values()]
    sources.append("print('still here'); print('and here', file=sys.stderr); 6 * 7")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    found = [[(out.get("name", out.output_type), out.get("text")) for out in cell.outputs] for cell in notebook.cells]
    return dict(zip(["prepare", "helper", *CELLS, "last"], found, strict=True))


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_shows_the_verdict_and_nothing_else(outputs, name):
    expected = CELLS[name][1]
    if name == "afterwards":
        ((stream, text),) = outputs[name]
        assert stream == "stdout"
        assert text.startswith("01.bigram_counts: rows and columns swapped.\n")
    else:
        assert outputs[name] == [("stdout", expected)]


def test_the_kernel_prints_as_before(outputs):
    assert sorted(outputs["last"]) == [
        ("execute_result", None),
        ("stderr", "and here\n"),
        ("stdout", "still here\n"),
    ]


def test_an_interrupt_stops_a_check_and_leaves_the_kernel_well():
    """The answer says over a socket that it has begun; then the kernel is interrupted, as by Jupyter's stop button."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(300)
            begins = f"import socket; socket.create_connection({server.getsockname()}).close()\nwhile True: pass"
            patient = textwrap.dedent(PREPARE).replace("seconds=0.5", "seconds=1000")
            request = client.execute(patient + cell(begins))
            server.accept()[0].close()
            manager.interrupt_kernel()
        assert output_of(client, request) == "01.bigram_counts: stopped.\n"
        assert output_of(client, client.execute("print('still here')")) == "still here\n"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def output_of(client, request):
    """The text that one request puts out until the kernel is idle again; errors included."""
    text, idle = "", False
    while not idle:
        message = client.get_iopub_msg(timeout=300)
        if message["parent_header"].get("msg_id") == request:
            content = message["content"]
            text += content.get("text", "") + "".join(content.get("traceback", []))
            idle = content.get("execution_state") == "idle"
    return text
