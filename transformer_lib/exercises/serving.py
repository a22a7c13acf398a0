"""Exercises of page 17b: many texts in one batch, and their memory in blocks."""

import heapq
import math

import torch

from transformer_lib.exercises.engine import Question, exercise

static_share = Question(
    "17b.static_share",
    0.4,
    hint="The batch runs until its longest text is finished. How much work do five places do in that time, and how "
    "much of it writes something?",
    mistakes={
        0.6: "That share is wasted. The question asks for what is used.",
        60: "That is how long the batch runs. How much do its five places do in that time?",
        300: "That is all the work that the places do. Which share of it is used?",
        120: "That is the work that is used. Divide it by all the work of the places.",
        24: "That is the mean length. How does it compare with the time that each place is occupied?",
        2.5: "You divided the work of all places by the used work. A share is at most 1.",
        0.2: "You let one place in five be used, that of the longest text. The other four write something, too, "
        "until their texts are finished.",
        1.0: "All of it would be used if no text had to wait for a longer one.",
        120 / 240: "You left a place out of the batch: how many texts are there?",
    },
    rtol=2e-3,
)

conversations = Question(
    "17b.conversations",
    54,
    hint="Count both in whole pieces: how many reservations fit, and how many blocks fit. How many blocks does a "
    "conversation of 330 tokens occupy?",
    mistakes={
        64: "So many find room in blocks. How many of these would a reservation have held anyway?",
        10: "So many find room with a reservation. How many more do blocks hold?",
        55: "You divided the memory by the tokens. A conversation occupies whole blocks, and the last one is not full.",
        65: "You divided the memory by the tokens of a conversation. It occupies whole blocks, and the question asks "
        "how many more there are than with a reservation.",
        57: "You rounded the blocks of a conversation down. Where would its last tokens stand?",
        67: "You rounded the blocks of a conversation down, and you did not subtract those that find room with a "
        "reservation.",
        1_356: "You counted blocks. A conversation needs several of them.",
        6.4: "That is how many times as many there are. The question asks how many more.",
    },
)

six_answers = Question(
    "17b.six_answers",
    14,
    hint="Which blocks of the prompt are full, and who uses them? Then count the blocks that one answer alone uses.",
    mistakes={
        24: "That would be six texts with nothing in common. Full blocks of the prompt are stored once.",
        15: "You kept the prompt's last block beside its copies. The last text that writes to it is its only user by "
        "then: does it copy the block?",
        12: "Those are the blocks that the answers have for themselves. The shared ones are in use as well.",
        8: "You gave each answer one block of its own. How many positions are there after the prompt's full blocks?",
        9: "You share the prompt's last block among all answers, which write different tokens to the same places.",
        4: "That is a single text. How many more blocks does every further text take?",
        18: "You counted three blocks for each text. How many blocks do 49 tokens fill?",
        21: "You kept three blocks of the prompt and gave each answer three more. From which position on does an "
        "answer need blocks of its own?",
        26: "You copied the prompt's full blocks for each answer, too. Nobody writes to a full block.",
    },
)


def memories(generator):
    """One block; a table out of order; a last block partly full."""
    for n_blocks, size, D, table, length in (
        (1, 2, 1, [0], 2),
        (3, 2, 2, [2, 0], 4),
        (4, 3, 2, [1, 3, 0], 7),
        (6, 4, 3, [5, 0, 4, 2], 13),
    ):
        yield torch.from_numpy(generator.normal(size=(n_blocks, size, D))), table, length


@exercise(
    "17b.gathered",
    inputs=memories,
    hint="Take the blocks in the order of the table, lay their positions in one row, and cut that row where the text "
    "ends.",
)
def gathered(memory, table, length):
    """Blocks in the order of the table, one after the other."""
    return memory[table].flatten(0, 1)[:length]


@gathered.mistake
def not_cut_off(memory, table, length):
    """The keys are in order, and behind them come places of the last block that hold nothing yet. Attention would look
    at them, too."""
    return memory[table].flatten(0, 1)


@gathered.mistake
def in_the_order_of_memory(memory, table, length):
    """You read the blocks in the order in which they lie in memory. The text is in the order of its table."""
    return memory[sorted(table)].flatten(0, 1)[:length]


@gathered.mistake
def without_the_table(memory, table, length):
    """You read memory from its beginning, whoever may stand there. Where does the table say that the text is?"""
    return memory.flatten(0, 1)[:length]


@gathered.mistake
def backwards(memory, table, length):
    """You begin with the last block. The first entry of the table holds the first positions."""
    return memory[table[::-1]].flatten(0, 1)[:length]


@gathered.mistake
def the_newest_missing(memory, table, length):
    """One key is missing at the end. A text of n tokens stands at the positions 0 to n - 1: how many are these?"""
    return memory[table].flatten(0, 1)[: length - 1]


def queues(generator):
    """One request; as many as places; more, with long ones first and last."""
    yield [3], 1
    yield [2, 5], 2
    yield [5, 2, 4], 2
    yield [3, 9, 1, 17, 2, 12, 5], 2
    yield [7, 1, 1, 6, 2, 8, 3, 3], 3
    yield [int(n) for n in generator.integers(1, 40, size=20)], 4


@exercise(
    "17b.finish_times",
    inputs=queues,
    hint="Keep, for each place, the pass after which it is free. Which place does the next request get?",
)
def finish_times(lengths, places):
    """The next request gets the place that is free first."""
    free, times = [0] * places, []
    for length in lengths:
        times.append(free[0] + length)
        heapq.heapreplace(free, times[-1])
    return times


@finish_times.mistake
def a_static_batch(lengths, places):
    """You start the next texts when a whole batch is finished. In a continuous batch a place is taken as soon as it is
    free."""
    times, start = [], 0
    for i in range(0, len(lengths), places):
        times += [start + length for length in lengths[i : i + places]]
        start += max(lengths[i : i + places])
    return times


@finish_times.mistake
def returned_with_the_batch(lengths, places):
    """You run static batches, and all texts of a batch are finished with its longest one. Here each text leaves when it
    is finished, and another enters."""
    times, start = [], 0
    for i in range(0, len(lengths), places):
        start += max(lengths[i : i + places])
        times += [start] * len(lengths[i : i + places])
    return times


@finish_times.mistake
def one_after_another(lengths, places):
    """You run one text at a time. How many places are there?"""
    return [sum(lengths[: i + 1]) for i in range(len(lengths))]


@finish_times.mistake
def places_in_turn(lengths, places):
    """You deal the requests out to the places in turn, like cards. The next request goes where a place is free first,
    whose turn it may be."""
    return [sum(lengths[i % places : i + 1 : places]) for i in range(len(lengths))]


@finish_times.mistake
def shortest_first(lengths, places):
    """You let the shortest text go first. Here they enter in the order in which they came."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    times = finish_times([lengths[i] for i in order], places)
    return [times[order.index(i)] for i in range(len(lengths))]


@finish_times.mistake
def nobody_waits(lengths, places):
    """You count what each text takes once it runs. Some of them have to wait for a place first."""
    return list(lengths)


def moments(_):
    """An empty table; a full last block, of one user and of several; a block half full, of one user and of several."""
    yield [], 0, 4, [0, 0, 0], [2, 1, 0]
    yield [0], 4, 4, [1, 0, 0], [2, 1]
    yield [0], 3, 4, [1, 0, 0], [2, 1]
    yield [2, 0], 6, 4, [2, 0, 2], [3, 1]
    yield [2, 0], 8, 4, [2, 0, 2, 0], [1, 3]
    yield [1, 4, 2], 10, 4, [0, 2, 1, 0, 2], [0, 3]
    yield [1, 4, 2], 11, 4, [0, 2, 3, 0, 2], [3, 0]


@exercise(
    "17b.before_the_write",
    inputs=moments,
    hint="In which entry of the table will the next token stand? Three things can be true of it: it does not exist "
    "yet, others use it too, or it is the text's own.",
)
def before_the_write(table, length, size, users, free):
    """A new block behind a full one; a copy in place of a shared one; nothing otherwise."""
    place = length // size
    if place == len(table):
        return [*table, free[-1]], None
    if users[table[place]] > 1:
        return [*table[:place], free[-1]], table[place]
    return list(table), None


@before_the_write.mistake
def never_copied(table, length, size, users, free):
    """You take a new block behind a full one, and otherwise write to the last one, whoever else uses it. What do the
    other texts read there afterwards?"""
    return [*table, free[-1]] if length == size * len(table) else list(table), None


@before_the_write.mistake
def full_blocks_copied(table, length, size, users, free):
    """You copy the last block whenever others use it, even if it is full. Who would write to a full block?"""
    if table and users[table[-1]] > 1:
        return [*table[:-1], free[-1]], table[-1]
    return before_the_write(table, length, size, users, free)


@before_the_write.mistake
def always_copied(table, length, size, users, free):
    """You copy a block that nobody else uses. Its only user may write to it."""
    if length < size * len(table):
        return [*table[:-1], free[-1]], table[-1]
    return before_the_write(table, length, size, users, free)


@before_the_write.mistake
def the_copy_behind_the_original(table, length, size, users, free):
    """Your table keeps the shared block and has its copy behind it. The copy takes the place of the original: both hold
    the same positions."""
    new, copied = before_the_write(table, length, size, users, free)
    return ([*table, free[-1]] if copied is not None else new), copied


@before_the_write.mistake
def the_copy_named(table, length, size, users, free):
    """Your table is right. You name the block that becomes the copy, and the question asks which block has to be
    copied."""
    new, copied = before_the_write(table, length, size, users, free)
    return new, None if copied is None else free[-1]


@before_the_write.mistake
def the_first_free_block(table, length, size, users, free):
    """You take the first block of the free list. Which one did the exercise say is next?"""
    return before_the_write(table, length, size, users, free[::-1])


@before_the_write.mistake
def a_token_too_early(table, length, size, users, free):
    """You take a new block one token too early, while the last one has a place left. A text of n tokens writes its next
    token at position n."""
    if length % size == size - 1 and users[table[-1]] == 1:
        return [*table, free[-1]], None
    return before_the_write(table, length, size, users, free)


def lengths_and_sizes(_):
    """A full block, one token, blocks of one, and mixtures."""
    yield from (([4], 4), ([1], 4), ([3, 5], 1), ([5, 16, 33], 16), ([7, 7, 30, 2], 8), ([128, 1], 128))


@exercise(
    "17b.empty_share",
    inputs=lengths_and_sizes,
    hint="How many blocks does each text own, and how many positions are these in all?",
)
def empty_share(lengths, size):
    """What all blocks hold, less what stands in them."""
    held = sum(math.ceil(length / size) * size for length in lengths)
    return 1 - sum(lengths) / held


@empty_share.mistake
def the_used_share(lengths, size):
    """That share of the positions is used. How much is empty?"""
    return 1 - empty_share(lengths, size)


@empty_share.mistake
def the_mean_of_shares(lengths, size):
    """You took the mean of the texts' shares. A long text has more positions than a short one, and counts for more."""
    return sum(empty_share([length], size) for length in lengths) / len(lengths)


@empty_share.mistake
def a_block_too_many(lengths, size):
    """You gave a text whose blocks are full one more, as for its next token. The question asks for what it holds
    now."""
    held = sum((length // size + 1) * size for length in lengths)
    return 1 - sum(lengths) / held


@empty_share.mistake
def one_block_for_all(lengths, size):
    """You put the texts behind each other in the same blocks. No two of these texts share a block."""
    held = math.ceil(sum(lengths) / size) * size
    return 1 - sum(lengths) / held


@empty_share.mistake
def empty_positions(lengths, size):
    """Those are the empty positions. Which share of all positions is that?"""
    return sum(-length % size for length in lengths)


@empty_share.mistake
def empty_over_used(lengths, size):
    """You divided the empty positions by the used ones. The share is of all positions."""
    return sum(-length % size for length in lengths) / sum(lengths)


def orders(generator):
    """One text; two on one place in both orders; more of both."""
    yield [5], 1, [0]
    yield [7, 2], 1, [0, 1]
    yield [7, 2], 1, [1, 0]
    yield [6, 1, 4], 1, [1, 2, 0]
    yield [3, 9, 1, 17, 2, 12, 5], 2, [3, 5, 1, 6, 0, 4, 2]
    yield [int(n) for n in generator.integers(1, 40, size=12)], 3, [int(i) for i in generator.permutation(12)]


@exercise(
    "17b.mean_finish",
    inputs=orders,
    hint="Bring the lengths into the order first. Then it is the exercise on finish times, and a mean.",
)
def mean_finish(lengths, places, order):
    """Finish times of the lengths in that order."""
    times = finish_times([lengths[i] for i in order], places)
    return sum(times) / len(times)


@mean_finish.mistake
def in_the_order_they_came(lengths, places, order):
    """Your texts enter in the order in which they stand in the list. What is `order` for?"""
    return mean_finish(lengths, places, range(len(lengths)))


@mean_finish.mistake
def order_as_ranks(lengths, places, order):
    """You read `order[i]` as the turn of text i. It is the other way round: `order[i]` is the number of the text that
    enters as number i."""
    return mean_finish(lengths, places, sorted(range(len(order)), key=order.__getitem__))


@mean_finish.mistake
def the_last_of_all(lengths, places, order):
    """That is when everything is finished. The mean over texts is asked for."""
    return float(max(finish_times([lengths[i] for i in order], places)))


@mean_finish.mistake
def when_they_start(lengths, places, order):
    """That is the mean number of passes *before* a text runs. It is finished when its own passes are over, too."""
    return mean_finish(lengths, places, order) - sum(lengths) / len(lengths)


@mean_finish.mistake
def on_a_single_place(lengths, places, order):
    """Your texts run one after another. How many places are there?"""
    return mean_finish(lengths, 1, order)


@mean_finish.mistake
def the_mean_length(lengths, places, order):
    """You took the mean of the lengths, which no order can change. Some texts wait before they run."""
    return sum(lengths) / len(lengths)
