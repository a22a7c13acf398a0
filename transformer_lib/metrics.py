"""How far outputs are from their references: the edit distance, and the error rates of whole outputs and of symbols.

The edit distance d(a, b) is the least number of symbols to insert, delete or substitute that turns a into b. With
d(i, j) between the first i symbols of a and the first j of b (Levenshtein 1966; Wagner and Fischer 1974),

    d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [a_i != b_j]),   d(i, 0) = i,   d(0, j) = j.

An output is scored against its nearest reference r; the sums run over all the outputs h of a corpus:

    symbol error rate = sum d(h, r) / sum |r|        sequence error rate = share of the h with d(h, r) > 0

For pronunciations these are PER, the phoneme error rate, and WER, the word error rate: a word is wrong unless it equals
one of its references whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorRates:
    """What scoring a corpus gives: counts, so that parts of a corpus add up, and the rates they make.

    Attributes:
        edits: the edit distances to the nearest references, summed.
        reference_symbols: the lengths of those references, summed.
        wrong: outputs that equal none of their references.
        outputs: outputs scored.
    """

    edits: int
    reference_symbols: int
    wrong: int
    outputs: int

    @property
    def symbol_error_rate(self) -> float:
        """Return edits per symbol of reference, from 0 for none (PER where the symbols are phonemes)."""
        return self.edits / self.reference_symbols

    @property
    def sequence_error_rate(self) -> float:
        """Return the share of outputs that are wrong, from 0 to 1 (WER where an output is a word's pronunciation)."""
        return self.wrong / self.outputs


def edit_distance(a: Sequence[object], b: Sequence[object]) -> int:
    """Return the least number of insertions, deletions and substitutions that turn a into b.

    One row of d(i, j) is kept, so the work is |a| times |b| and the memory |b|.

    Args:
        a: One sequence, of anything that compares.
        b: The other.

    Example:

        >>> edit_distance("kitten", "sitting")
        3
    """
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def error_rates(outputs: Sequence[Sequence[object]], references: Sequence[Iterable[Sequence[object]]]) -> ErrorRates:
    """Score each output against the nearest of its references.

    Of references equally near, the shortest counts, which never flatters.

    Args:
        outputs: sequences of symbols.
        references: for each output, the sequences that are right; at least one.

    Raises:
        ValueError: there are no outputs, not as many references, none for an output, or only empty ones.
    """
    if len(outputs) != len(references):
        raise ValueError(f"len(references)={len(references)} must be len(outputs)={len(outputs)}: give a set for each")
    edits = symbols = wrong = 0
    for n, (output, right) in enumerate(zip(outputs, references, strict=True)):
        distances = [(edit_distance(output, reference), len(reference)) for reference in right]
        if not distances:
            raise ValueError(f"references[{n}] must hold at least one sequence: leave out outputs that have none")
        distance, length = min(distances)
        edits, symbols, wrong = edits + distance, symbols + length, wrong + (distance > 0)
    if not symbols:
        raise ValueError(f"references of {len(outputs)} outputs hold no symbol: score at least one that is not empty")
    return ErrorRates(edits, symbols, wrong, len(outputs))
