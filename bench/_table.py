"""All that `results/` holds as one table: what `make bench` ends with. Above 1, this library is the better."""

import json

from _measure import RESULTS

HEADINGS = ("task", "size", "beside", "ours", "theirs", "", "times as good")


def line(row: dict) -> tuple[str, ...]:
    figures = (f"{row[name]:,g}" if row[name] is not None else "never" for name in ("ours", "theirs"))
    ratio = f"{row['ratio']:.2f}" if row["ratio"] is not None else "none"
    return row["task"], row["size"], row["peer"], *figures, row["unit"], ratio


def main() -> None:
    print("The last column: how many times as good this library is. Above 1 it is the better, in every row.")
    for path in sorted(RESULTS.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        print(f"\n{path.stem}: {found['date']}, {found['processor']}, {versions}, {found['seconds']} CPU seconds")
        lines = [HEADINGS, *map(line, found["rows"])]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for cells in lines:
            left = [cell.ljust(width) for cell, width in zip(cells[:3], widths[:3], strict=True)]
            right = [cell.rjust(width) for cell, width in zip(cells[3:], widths[3:], strict=True)]
            print("  ".join(left + right))


if __name__ == "__main__":
    main()
