"""Exercises of chapter 01: counting which token follows which."""

import numpy as np

from transformer_lib.exercises.engine import exercise


def token_sequences(generator):
    """Sequences from one token on, over vocabularies in which some token may never occur."""
    for length, vocab_size in ((1, 2), (2, 2), (3, 3), (5, 3), (8, 4), (40, 6), (200, 9)):
        yield generator.integers(0, vocab_size, size=length), vocab_size
    yield np.array([1, 1, 1, 0]), 3


@exercise("01.bigram_counts", inputs=token_sequences)
def bigram_counts(tokens, vocab_size):
    """Count how often token j comes right after token i: a (V, V) table."""
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    np.add.at(table, (tokens[:-1], tokens[1:]), 1)
    return table


@bigram_counts.mistake
def rows_and_columns_swapped(tokens, vocab_size):
    """Row i of the table should say what follows token i. Row i of yours says what came before it: which of the two
    indices comes first, the token you have or the one that is next?"""
    return bigram_counts(tokens, vocab_size).T


@bigram_counts.mistake
def each_pair_counted_once(tokens, vocab_size):
    """Your table says which pairs occur; it should say how often. With whole arrays of indices, `table[i, j] += 1` adds
    one to a cell only once, however often the cell is named. What adds one each time?"""
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    table[tokens[:-1], tokens[1:]] += 1
    return table


@bigram_counts.mistake
def every_other_pair_skipped(tokens, vocab_size):
    """You cut the sequence into pairs that do not overlap. A token in the middle is the second of one pair and the
    first of the next, so there are as many pairs as tokens, less one."""
    firsts, seconds = tokens[:-1:2], tokens[1::2]
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    np.add.at(table, (firsts, seconds), 1)
    return table


@bigram_counts.mistake
def the_end_runs_into_the_beginning(tokens, vocab_size):
    """You count one pair too many, of the last token and the first. Nothing follows the last token; an index that wraps
    round to the start, by -1 or np.roll, finds it a successor."""
    table = bigram_counts(tokens, vocab_size)
    table[tokens[-1], tokens[0]] += 1
    return table
