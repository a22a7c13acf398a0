"""What usually lies behind an exception."""

import re

from transformer_lib.exercises.values import Raised

ADVICE = {
    r"'(list|tuple)' object has no attribute '(?!append|add|items|get)": (
        "It is a {0}, and not an array: `np.array(…)`, or `torch.tensor(…)`, makes one of it."
    ),
    r"list indices must be integers or slices, not (tuple|list)": (
        "A list takes one index at a time; `[i, j]` is for arrays."
    ),
    r"only (?:integer|length-1)|only integer tensors of a single element": (
        "An array stands where a single number is wanted."
    ),
    r"'(numpy\.ndarray|Tensor)' object has no attribute '(\w+)'": (
        "There is no `.{1}` on a {0}: NumPy's arrays and PyTorch's tensors name some things differently."
    ),
    r"shapes cannot be multiplied|mismatch in its core|not aligned|must match the size of|could not be broadcast": (
        "The shapes do not fit. Write the shape of each thing in that line beside it: which two axes should meet?"
    ),
    r"name '(\w+)' is not defined": "`{0}` is not defined: is it spelled as elsewhere, or an import missing?",
    r"unsupported operand type\(s\) for .*'NoneType'": (
        "One of the two is None: is there a function that does not return?"
    ),
    r"division by zero": "Something is divided by 0 on this input. What should come out there?",
}


def advise(raised: Raised) -> str:
    """Say what usually lies behind an exception."""
    for pattern, advice in ADVICE.items():
        if found := re.search(pattern, raised.message):
            return advice.format(*found.groups())
    return ""
