"""What each page costs its reader: `python tools/pages.py [NAME …]`, or `--check`.

Minutes, visible code and how much of it is plumbing, the longest cell and line. With a NAME, also where. `--check`
lists the pages over their limits; a page has limits once it says what it needs (`{needs}`).
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from plumbing import drawing_names, plumbing_lines

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "_ext"))

from reading import Code, Page, read_page  # noqa: E402

MINUTES, PLUMBING, CELL_LINES, LINE = 35, 0.10, 15, 60
COLUMNS = ("page", "read", "depth", "exercises", "code", "plumbing", "cell", "line", f"over {LINE}")


@dataclass
class Report:
    name: str
    page: Page

    @cached_property
    def lines(self) -> list[tuple[Code, str, bool]]:
        """Each visible line that is not blank, its cell before it and after it whether it is plumbing."""
        found, drawing = [], drawing_names([code.source for code in self.page.code])
        for code in self.page.visible:
            plumbing = plumbing_lines(code.source, drawing)
            found += [
                (code, line, number in plumbing)
                for number, line in enumerate(code.source.splitlines(), start=1)
                if line.strip()
            ]
        return found

    @property
    def plumbing(self) -> float:
        return sum(plumbing for *_, plumbing in self.lines) / max(1, len(self.lines))

    @property
    def longest_cell(self) -> Code:
        return max(self.page.visible, key=lambda code: len(code.lines), default=Code(""))

    @property
    def wide(self) -> list[tuple[Code, str]]:
        return [(code, line) for code, line, _ in self.lines if len(line) > LINE]

    def row(self) -> list[str]:
        read, depth, exercises = self.page.minutes()
        cell = len(self.longest_cell.lines)
        return [
            self.name + " *" * self.page.second_edition,
            marked(f"{read}", read > MINUTES),
            f"{depth}",
            f"{exercises}",
            f"{len(self.lines)}",
            marked(f"{self.plumbing:.0%}", self.plumbing > PLUMBING),
            marked(f"{cell}", cell > CELL_LINES),
            f"{max((len(line) for _, line, _ in self.lines), default=0)}",
            f"{len(self.wide)}",
        ]

    def excesses(self) -> list[str]:
        """One line for each limit that the page is over."""
        read, cell = self.page.minutes().read, self.longest_cell
        found = []
        if read > MINUTES:
            found.append(f"{read} minutes to read; at most {MINUTES}")
        if self.plumbing > PLUMBING:
            found.append(f"{self.plumbing:.1%} of the visible lines are plumbing; at most {PLUMBING:.0%}")
        if len(cell.lines) > CELL_LINES:
            found.append(f"cell {cell.cell}: {len(cell.lines)} visible lines; at most {CELL_LINES}")
        return [f"{self.name}: {excess}" for excess in found]

    def details(self) -> list[str]:
        plumbing = [f"  cell {code.cell}: {line}" for code, line, plumbing in self.lines if plumbing]
        long = [
            f"  cell {code.cell}: {len(code.lines)} lines" for code in self.page.visible if len(code.lines) > CELL_LINES
        ]
        wide = [f"  cell {code.cell}: {len(line)}: {line}" for code, line in self.wide]
        return [
            *("Visible plumbing:", *plumbing),
            *(f"Cells of more than {CELL_LINES} lines:", *long),
            *(f"Lines of more than {LINE} characters:", *wide),
        ]


def marked(text: str, over: bool) -> str:
    return text + ("!" if over else " ")


def find(names: list[str], root: Path = ROOT) -> list[Path]:
    """The chapters with these names (all without one)."""
    every = sorted((root / "chapters").glob("*.ipynb"))
    found = [path for path in every if not names or any(path.name.startswith(Path(name).name) for name in names)]
    if not found:
        raise SystemExit(f"no chapter is called {' '.join(names)}: there are {', '.join(p.stem for p in every)}")
    return found


def check(paths: list[Path]) -> list[str]:
    """One line for each limit that a page of the second edition is over."""
    return excesses(Report, paths)


def excesses(kind: type, paths: list[Path]) -> list[str]:
    reports = [kind(path.stem, read_page(path)) for path in paths]
    return [excess for report in reports if report.page.second_edition for excess in report.excesses()]


def table(rows: list[list[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def run(kind: type, columns: tuple[str, ...], find: Callable, *, doc: str, command: str, limits: str) -> None:
    """The command line of a report: a table of rows, the details of pages that are named, or `--check`."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="the start of a page's file name; default: all")
    parser.add_argument("--check", action="store_true", help="list what is over its limit, and fail")
    parser.add_argument("--root", type=Path, default=ROOT, help="another tree, such as an older one")
    arguments = parser.parse_args()
    paths = find(arguments.names, arguments.root)
    if arguments.check:
        if findings := excesses(kind, paths):
            raise SystemExit("\n".join([*findings, f"`{command} NAME=…` shows where"]))
        return
    reports = [kind(path.stem, read_page(path)) for path in paths]
    print(table([list(columns), *(report.row() for report in reports)]))
    print(f"\n! over a limit: {limits}\n* held to the limits")
    if arguments.names:
        for report in reports:
            print("", report.name, *report.details(), sep="\n")


def main() -> None:
    limits = f"{MINUTES} minutes, {PLUMBING:.0%} plumbing, {CELL_LINES} lines"
    run(Report, COLUMNS, find, doc=__doc__, command="make pages", limits=limits)


if __name__ == "__main__":
    main()
