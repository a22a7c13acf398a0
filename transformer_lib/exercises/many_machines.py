"""Exercises of chapter 19: one model trained by many processes."""

import numpy as np

from transformer_lib.exercises.engine import Question, exercise

unequal_shares = Question(
    "19.unequal_shares",
    4.0,
    hint="The gradient of the whole batch is a mean over its sequences. How many sequences does each rank's gradient "
    "stand for?",
    mistakes={
        4.5: "You took the mean of the two ranks. One of them speaks for more sequences than the other.",
        9: "You added the two gradients, and each is a mean already. The batch's gradient is a mean as well.",
        24: "That is the sum over all sequences. The loss of the batch is their mean.",
        5: "You gave each rank the weight of the other. Which of them read more sequences?",
        12: "You divided the sum over the sequences by the number of ranks. How many sequences are there?",
        18: "You multiplied the two gradients. Each is a mean, and so is the batch's: a mean over its sequences.",
    },
)

bytes_sent = Question(
    "19.bytes_sent",
    4.2,
    hint="How many bytes are the gradients? A ring sends a part of them in each step: how large is a part, and how "
    "many steps are there?",
    mistakes={
        2.1: "That is the reduce-scatter alone. The finished parts have to go around, too.",
        4.8: "You let each rank send every part twice. One part of each round stays where it is.",
        2.4: "That is the size of the gradients. How often does a part pass through a rank?",
        33.6: "That is what all ranks send together. The question asks for one.",
        8.4: "You took four bytes for a number. These gradients have 16 bits.",
        16.8: "You let each rank send all of its gradients to every other. A ring sends parts, to one neighbor.",
        0.6: "You counted one step in each half of the ring. How many steps does a part need to come all the way "
        "around?",
        0.3: "That is one part. How many steps are there in the ring?",
        19.2: "That is one copy of the gradients for each rank. A ring sends parts, and how large they are depends on "
        "the number of ranks.",
        4.2e9: "Those are bytes, and the question asks for gigabytes.",
    },
    rtol=5e-3,
)

smallest_cluster = Question(
    "19.smallest_cluster",
    5,
    hint="Write down the bytes per parameter of weights, gradients and optimizer. Which of them does every GPU hold in "
    "full, and which are divided?",
    mistakes={
        12: "You divided the optimizer's states alone. Here the gradients are sharded as well.",
        4: "You divided everything. Here each GPU holds all weights.",
        3: "Either the weights, which each GPU holds in full, or the room for activations is missing in your account.",
        2: "You divided all 16 bytes per parameter, and left no room for activations. Each GPU holds all weights, and "
        "gives 30 GB away.",
        4.7: "So many would be just enough, if GPUs could be cut. How many whole ones does it take?",
        14 / 3: "The division is right. A GPU is whole, and with fewer than this number it does not fit.",
        1: "One GPU would hold 160 GB of states alone.",
        8: "Check the parts that are divided: two bytes of gradients and twelve of the optimizer for each parameter.",
    },
    rtol=1e-3,
)

enough_micro_batches = Question(
    "19.enough_micro_batches",
    28,
    hint="A step lasts as long as m micro-batches and the filling and draining of the pipeline. Which share of that "
    "is waiting?",
    mistakes={
        35: "You compared the waiting with the working time. The question is about the share of the whole time.",
        32: "You let a stage wait for as many slots as there are stages. The first micro-batch passes fewer borders.",
        27: "With so many it is a little more than a fifth. Round the other way.",
        40: "You compared 8 waiting slots with the working time. How many are waited, and what is the whole?",
        2: "You swapped waiting and working: with so few micro-batches most of the time is waiting.",
        1.75: "You swapped waiting and working, and a micro-batch is whole.",
        29: "Exactly a fifth is allowed. Is this the smallest number that keeps to it?",
        56: "You counted the waiting twice. Forward and backward wait, and they work twice, too.",
        63: "You asked for a tenth. A fifth is enough.",
    },
)

days = Question(
    "19.days",
    15.215,
    hint="Operations first: how many for each parameter and token, forward and backward? Then how many the cluster "
    "does in a second.",
    mistakes={
        15.215 / 3: "You counted the forward pass alone: two operations for each parameter and token.",
        15.215 * 2 / 3: "You counted the backward pass alone. The forward pass takes half as many operations again.",
        15.215 * 4 / 3: "You counted the forward pass twice. Nothing is said here of activations computed again.",
        15.215 * 0.4: "You took the peak. The cluster reaches 40% of it.",
        15.215 * 0.4 * 0.4: "You divided by the utilization where it multiplies: at 40% of the peak it takes longer.",
        15.215 * 512: "That is how long a single GPU would take. There are 512 of them.",
        15.215 * 24: "Those are hours, and the question asks for days.",
        15.215 * 86_400: "Those are seconds, and the question asks for days.",
        15.215 * 24 * 512: "Those are GPU-hours, which is what the bill is made of. How long does it take?",
        15: "Fifteen days are right as a round number. Give the answer to a tenth of a day.",
        15.215 / 0.4: "You divided by the utilization twice, and once is what it takes.",
        15.215 / 6: "You counted one operation for each parameter and token.",
    },
    rtol=5e-3,
)


def rings(generator):
    """Two ranks; three, in the first and second step; four, last step; parts of different numbers."""
    yield np.array([[1.0, 2.0], [10.0, 20.0]]), 0
    yield np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [100.0, 200.0, 300.0]]), 0
    yield np.array([[1.0, 2.0, 4.0], [10.0, 20.0, 40.0], [100.0, 200.0, 400.0]]), 1
    yield generator.normal(size=(4, 4)), 2
    yield generator.normal(size=(5, 5)), 1


@exercise(
    "19.ring_step",
    inputs=rings,
    hint="All ranks send at the same moment what they had before the step. Which part does each of them send, and "
    "where does it arrive?",
)
def ring_step(parts, step):
    """Each rank adds the part that its left neighbor sends."""
    n, after = len(parts), parts.copy()
    for rank in range(n):
        part = (rank - step - 1) % n
        after[rank, part] = parts[rank, part] + parts[rank - 1, part]
    return after


@ring_step.mistake
def to_the_left(parts, step):
    """Your parts go to rank r − 1. In this ring each rank sends to rank r + 1."""
    n, after = len(parts), parts.copy()
    for rank in range(n):
        part = (rank - step) % n
        after[rank - 1, part] = parts[rank - 1, part] + parts[rank, part]
    return after


@ring_step.mistake
def always_its_own_part(parts, step):
    """Your ranks send the part of their own number in every step. In step s, a rank sends on what arrived in the step
    before."""
    n, after = len(parts), parts.copy()
    for rank in range(n):
        part = (rank - 1) % n
        after[rank, part] = parts[rank, part] + parts[rank - 1, part]
    return after


@ring_step.mistake
def counting_up(parts, step):
    """Your part numbers go up with the steps, r + s. What arrived last, and has to be sent on, is part r − s."""
    n, after = len(parts), parts.copy()
    for rank in range(n):
        part = (rank - 1 + step) % n
        after[rank, part] = parts[rank, part] + parts[rank - 1, part]
    return after


@ring_step.mistake
def copied(parts, step):
    """What arrives replaces what was there. That is the second half of the ring: in the first half it is added."""
    n, after = len(parts), parts.copy()
    for rank in range(n):
        part = (rank - step - 1) % n
        after[rank, part] = parts[rank - 1, part]
    return after


@ring_step.mistake
def given_away(parts, step):
    """Your ranks lose the part that they send. Sending copies: the sender's own numbers stay, and are overwritten only
    later."""
    n, after = len(parts), ring_step(parts, step)
    for rank in range(n):
        after[rank, (rank - step) % n] = 0
    return after


@ring_step.mistake
def into_the_next_part(parts, step):
    """What arrives is added to a part with another number. Part i of the neighbor belongs to part i here: they are
    shares of the same sum."""
    n, after = len(parts), parts.copy()
    for rank in range(n):
        after[rank, (rank - step) % n] += parts[rank - 1, (rank - step - 1) % n]
    return after


@ring_step.mistake
def columns_for_ranks(parts, step):
    """You took columns for ranks. A row of `parts` is what one rank holds, and a column is one part on all ranks."""
    return ring_step(parts.T, step).T


@ring_step.mistake
def everything_at_once(parts, step):
    """You add all that the neighbor has. A step of the ring sends one part."""
    return parts + np.roll(parts, 1, axis=0)


def layers(generator):
    """One rank; two; three; a bias-free network whose sums change sign."""
    for T, D, F, n in ((1, 2, 2, 1), (2, 2, 4, 2), (3, 6, 6, 3), (2, 4, 8, 4)):
        yield generator.normal(size=(T, D)), generator.normal(size=(D, F)), generator.normal(size=(F, D)), n


@exercise(
    "19.partial_outputs",
    inputs=layers,
    hint="The nonlinearity needs complete sums. Which way of cutting A leaves each of its outputs complete, and which "
    "rows of B do those outputs meet?",
)
def partial_outputs(x, A, B, n):
    """Columns of A, the nonlinearity, and the rows of B that belong to them."""
    pairs = zip(np.split(A, n, axis=1), np.split(B, n, axis=0), strict=True)
    return [np.maximum(x @ a, 0) @ b for a, b in pairs]


@partial_outputs.mistake
def without_the_nonlinearity(x, A, B, n):
    """The nonlinearity is missing between the two products."""
    return [x @ a @ b for a, b in zip(np.split(A, n, axis=1), np.split(B, n, axis=0), strict=True)]


@partial_outputs.mistake
def the_nonlinearity_last(x, A, B, n):
    """Your nonlinearity comes after the second product. It belongs between them."""
    return [np.maximum(x @ a @ b, 0) for a, b in zip(np.split(A, n, axis=1), np.split(B, n, axis=0), strict=True)]


@partial_outputs.mistake
def rows_of_a(x, A, B, n):
    """You cut A along its rows and the input along its columns. The hidden sums are then incomplete on every rank when
    the nonlinearity is applied."""
    pairs = zip(np.split(x, n, axis=1), np.split(A, n, axis=0), strict=True)
    return [np.maximum(part @ a, 0) @ B for part, a in pairs]


@partial_outputs.mistake
def already_added(x, A, B, n):
    """You return the finished sum on every rank. The parts before the all-reduce are asked for."""
    return [np.maximum(x @ A, 0) @ B] * n


@partial_outputs.mistake
def a_share_of_the_sum(x, A, B, n):
    """You divided the finished output by the number of ranks. Each rank's part comes from its own columns of A and its
    own rows of B."""
    return [np.maximum(x @ A, 0) @ B / n] * n


@partial_outputs.mistake
def columns_of_b(x, A, B, n):
    """You cut B by columns, so that each rank has some finished outputs. For that every rank needs all hidden features,
    and a rank has its own only."""
    return [np.maximum(x @ A, 0) @ part for part in np.array_split(B, n, axis=1)]


@partial_outputs.mistake
def a_share_of_the_batch(x, A, B, n):
    """You cut the rows of x. That is data parallelism, in which each rank holds all of A and B; here the matrices are
    cut, and every rank reads all of x."""
    return [np.maximum(part @ A, 0) @ B for part in np.array_split(x, n)]


@partial_outputs.mistake
def columns_of_another(x, A, B, n):
    """Your ranks pair columns of A with the rows of B of a different rank. Output j of the first product is input j of
    the second."""
    halves = np.split(B, n, axis=0)
    return [np.maximum(x @ a, 0) @ b for a, b in zip(np.split(A, n, axis=1), halves[1:] + halves[:1], strict=True)]


def shards(generator):
    """Two shards of a 3-4-5 triangle, longer than allowed; shorter than allowed; one of them zero; random ones."""
    yield [np.array([3.0]), np.array([4.0])], 1.0
    yield [np.array([3.0]), np.array([4.0])], 10.0
    yield [np.array([0.0, 0.0]), np.array([6.0, 8.0])], 5.0
    yield [np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.array([2.0, 2.0])], 2.0
    yield list(generator.normal(size=(4, 3))), 0.5
    yield list(generator.normal(size=(3, 2))), 2.5


@exercise(
    "19.clipped",
    inputs=shards,
    hint="The length that is limited is that of the whole gradient. What must the ranks tell each other before any of "
    "them can scale its shard?",
)
def clipped(shards, max_norm):
    """One length for all: squares summed within each shard, then over the ranks."""
    norm = np.sqrt(sum(float((shard**2).sum()) for shard in shards))
    scale = min(1.0, max_norm / norm)
    return [shard * scale for shard in shards]


@clipped.mistake
def each_by_itself(shards, max_norm):
    """Each rank clips its shard by the length of that shard. The shards then shrink by different factors, and the
    gradient points somewhere else."""
    norms = [max(float(np.sqrt((shard**2).sum())), 1e-300) for shard in shards]
    return [shard * min(1.0, max_norm / norm) for shard, norm in zip(shards, norms, strict=True)]


@clipped.mistake
def always_scaled(shards, max_norm):
    """You scale short gradients up. Clipping only shortens."""
    norm = np.sqrt(sum(float((shard**2).sum()) for shard in shards))
    return [shard * max_norm / norm for shard in shards]


@clipped.mistake
def lengths_added(shards, max_norm):
    """You added the lengths of the shards. The length of the whole is the root of the sum of squares."""
    norm = sum(float(np.sqrt((shard**2).sum())) for shard in shards)
    return [shard * min(1.0, max_norm / norm) for shard in shards]


@clipped.mistake
def lengths_averaged(shards, max_norm):
    """You averaged the lengths of the shards, as one averages a loss. Lengths of parts are neither averaged nor added:
    what adds up is their squares."""
    norm = np.mean([float(np.sqrt((shard**2).sum())) for shard in shards])
    return [shard * min(1.0, max_norm / norm) for shard in shards]


@clipped.mistake
def divided_by_the_ranks(shards, max_norm):
    """You divided the length by the number of ranks. The shards are pieces of one gradient and not copies of it, so
    nothing is averaged."""
    norm = np.sqrt(sum(float((shard**2).sum()) for shard in shards)) / len(shards)
    return [shard * min(1.0, max_norm / norm) for shard in shards]


@clipped.mistake
def not_divided(shards, max_norm):
    """You multiply a long gradient by the limit. That gives a length of norm times limit: what factor brings it to the
    limit?"""
    norm = np.sqrt(sum(float((shard**2).sum()) for shard in shards))
    return [shard * max_norm if norm > max_norm else shard for shard in shards]


@clipped.mistake
def without_the_root(shards, max_norm):
    """You compare the sum of the squares with the limit. The length is its root."""
    norm = sum(float((shard**2).sum()) for shard in shards)
    return [shard * min(1.0, max_norm / norm) for shard in shards]


@clipped.mistake
def the_longest_shard(shards, max_norm):
    """You took the length of the longest shard for that of the whole gradient."""
    norm = max(float(np.sqrt((shard**2).sum())) for shard in shards)
    return [shard * min(1.0, max_norm / norm) for shard in shards]


@clipped.mistake
def by_the_number(shards, max_norm):
    """Each entry is cut off at the limit. That is clipping by value; here the length of the gradient is limited, and
    its direction stays."""
    return [np.clip(shard, -max_norm, max_norm) for shard in shards]


def places(_):
    """The last stage; one before it; the first; fewer micro-batches than stages; one stage, one micro-batch."""
    yield from ((3, 4, 6), (2, 4, 6), (0, 4, 6), (0, 4, 2), (1, 4, 3), (0, 1, 3), (0, 2, 1), (4, 8, 16))


@exercise(
    "19.one_forward_one_backward",
    inputs=places,
    hint="The last stage can begin a backward pass right after its first forward pass. How many forward passes does a "
    "stage do before a gradient can come back to it?",
)
def one_forward_one_backward(stage, stages, micro_batches):
    """Warm up, alternate, drain."""
    first = min(stages - stage, micro_batches)
    return "F" * first + "BF" * (micro_batches - first) + "B" * first


@one_forward_one_backward.mistake
def all_forwards_first(stage, stages, micro_batches):
    """That is the order of GPipe, in which a stage keeps the activations of all micro-batches."""
    return "F" * micro_batches + "B" * micro_batches


@one_forward_one_backward.mistake
def no_warm_up(stage, stages, micro_batches):
    """Every stage of yours waits for the gradient of one micro-batch before it begins the next one. Only the last stage
    has it at once."""
    return "FB" * micro_batches


@one_forward_one_backward.mistake
def stages_from_the_end(stage, stages, micro_batches):
    """Your first stage warms up the least. It is the last stage to which gradients come first."""
    first = min(stage + 1, micro_batches)
    return "F" * first + "BF" * (micro_batches - first) + "B" * first


@one_forward_one_backward.mistake
def one_more(stage, stages, micro_batches):
    """You do one forward pass too many before the first backward pass: the last stage would hold two micro-batches."""
    first = min(stages - stage + 1, micro_batches)
    return "F" * first + "BF" * (micro_batches - first) + "B" * first


@one_forward_one_backward.mistake
def one_less(stage, stages, micro_batches):
    """You do one forward pass too few before the first backward pass. A micro-batch has to reach the last stage and
    come back, and this stage does a forward pass in every slot until then."""
    first = max(1, min(stages - stage - 1, micro_batches))
    return "F" * first + "BF" * (micro_batches - first) + "B" * first


@one_forward_one_backward.mistake
def all_stages_alike(stage, stages, micro_batches):
    """All of your stages warm up with as many micro-batches as there are stages. The later a stage, the sooner
    gradients come back to it."""
    first = min(stages, micro_batches)
    return "F" * first + "BF" * (micro_batches - first) + "B" * first
