"""Exercises of chapter 21: preferences, rewards, and what holds a policy near its reference."""

import math

import torch
import torch.nn.functional as F

from transformer_lib.exercises.engine import Question, exercise

A, B, C = 0.5 * math.exp(-1), 0.3 * math.exp(1), 0.2  # the reference times exp(r / beta), not normalized

best_policy = Question(
    "21.best_policy",
    A / (A + B + C),
    hint="Multiply each reference probability by exp(r / beta), and divide by the sum of the three products.",
    mistakes={
        0.5 * math.exp(-0.5) / (0.5 * math.exp(-0.5) + 0.3 * math.exp(0.5) + 0.2): "You multiplied by exp(r). What "
        "does beta do to the reward?",
        0.5 * math.exp(-0.25) / (0.5 * math.exp(-0.25) + 0.3 * math.exp(0.25) + 0.2): "You multiplied the reward by "
        "beta. A small beta lets the policy go far, so beta divides.",
        A: "That is not normalized: the three products have to add up to 1.",
        math.exp(-1) / (math.exp(-1) + math.exp(1) + 1): "You began from three equal probabilities. The policy starts "
        "from the reference's.",
        0.5: "That is the reference. What does the reward change?",
        B / (A + B + C): "That is the probability of B. Which of the three products belongs to A?",
        C / (A + B + C): "That is the probability of C. Which of the three products belongs to A?",
        0.5 * math.exp(1) / (0.5 * math.exp(1) + 0.3 * math.exp(-1) + 0.2): "You gave A a reward of +0.5. Look at its "
        "sign.",
    },
    rtol=4e-3,
)

believed = Question(
    "21.believed",
    1 / (1 + math.exp(-0.5)),
    hint="How many nats has each text gained or lost against the reference? The difference, times beta, goes into the "
    "sigmoid.",
    mistakes={
        1 / (1 + math.exp(0.5)): "That is the probability that the other text is preferred.",
        1 / (1 + math.exp(-5)): "You left beta out: it multiplies the margin before the sigmoid.",
        1 / (1 + math.exp(0.3)): "You compared the policy's log-probabilities only. What counts is how they differ "
        "from the reference's.",
        1 / (1 + math.exp(0.2)): "You looked at the chosen text alone. The rejected one has changed as well.",
        1 / (1 + math.exp(0.8)): "You compared the reference's log-probabilities only.",
        1 / (1 + math.exp(0.9)): "You added the two differences. The margin is that of the chosen text minus that of "
        "the rejected one.",
        0.5: "At equal gains it would be one half. Which of the two texts has lost more?",
        -math.log(1 / (1 + math.exp(-0.5))): "That is the loss of this pair, -ln of the probability.",
    },
    rtol=2e-3,
)


def log_probabilities(generator):
    """A pair where all are equal; one pair; a few."""
    yield (*torch.full((4, 1), -3.0, dtype=torch.float64), 0.7)
    for count, beta in ((1, 0.5), (2, 1.0), (4, 0.1), (5, 2.0)):
        yield (*torch.from_numpy(generator.normal(-4, 2, size=(4, count))), beta)


@exercise(
    "21.dpo_loss",
    inputs=log_probabilities,
    hint="Two log-ratios, policy minus reference; their difference times beta; -ln of its sigmoid; and the mean over "
    "the pairs.",
)
def dpo_loss(chosen, rejected, reference_chosen, reference_rejected, beta):
    """Minus the log-sigmoid of beta times the margin."""
    margin = (chosen - reference_chosen) - (rejected - reference_rejected)
    return -F.logsigmoid(beta * margin).mean()


@dpo_loss.mistake
def without_the_reference(chosen, rejected, reference_chosen, reference_rejected, beta):
    """You compare what the policy gives to both texts. The reference may have preferred one of them already; what
    counts is how far the policy has moved."""
    return -F.logsigmoid(beta * (chosen - rejected)).mean()


@dpo_loss.mistake
def the_rejected_preferred(chosen, rejected, reference_chosen, reference_rejected, beta):
    """Your loss falls when the rejected text gains. Which of the two should the margin count positively?"""
    return dpo_loss(rejected, chosen, reference_rejected, reference_chosen, beta)


@dpo_loss.mistake
def the_reference_added(chosen, rejected, reference_chosen, reference_rejected, beta):
    """The reference enters with the wrong sign: you multiplied the two policies' probabilities where their ratio is
    wanted."""
    return dpo_loss(chosen, rejected, -reference_chosen, -reference_rejected, beta)


@dpo_loss.mistake
def without_beta(chosen, rejected, reference_chosen, reference_rejected, beta):
    """You left beta out: the policy's reward is beta times the log-ratio."""
    return dpo_loss(chosen, rejected, reference_chosen, reference_rejected, 1.0)


@dpo_loss.mistake
def beta_outside(chosen, rejected, reference_chosen, reference_rejected, beta):
    """You multiplied the loss by beta. It belongs inside of the sigmoid, with the margin."""
    return beta * dpo_loss(chosen, rejected, reference_chosen, reference_rejected, 1.0)


@dpo_loss.mistake
def without_the_logarithm(chosen, rejected, reference_chosen, reference_rejected, beta):
    """You minimize minus the probability. The loss of a probability is minus its logarithm."""
    margin = (chosen - reference_chosen) - (rejected - reference_rejected)
    return -torch.sigmoid(beta * margin).mean()


@dpo_loss.mistake
def summed_over_pairs(chosen, rejected, reference_chosen, reference_rejected, beta):
    """You took the sum over the pairs. The mean is asked for, which does not grow with the batch."""
    return dpo_loss(chosen, rejected, reference_chosen, reference_rejected, beta) * len(chosen)


@dpo_loss.mistake
def sigmoid_of_the_mean(chosen, rejected, reference_chosen, reference_rejected, beta):
    """You averaged the margins before the sigmoid. Each pair has a loss of its own, and the mean comes last."""
    margin = (chosen - reference_chosen) - (rejected - reference_rejected)
    return -F.logsigmoid(beta * margin.mean())


def reward_tables(generator):
    """Two samples; a prompt where all are alike; more prompts than samples, and fewer."""
    yield (torch.tensor([[1.0, 0.0]], dtype=torch.float64),)
    yield (torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]], dtype=torch.float64),)
    yield (torch.from_numpy(generator.normal(size=(5, 3))),)
    yield (torch.from_numpy(generator.normal(size=(2, 4))),)


@exercise(
    "21.leave_one_out",
    inputs=reward_tables,
    hint="For each sample, the mean of the *other* samples of its prompt: the sum of the row without the sample's own "
    "reward, divided by how many others there are.",
)
def leave_one_out(rewards):
    """Each reward minus the mean of the others in its row."""
    K = rewards.shape[1]
    others = (rewards.sum(dim=1, keepdim=True) - rewards) / (K - 1)
    return rewards - others


@leave_one_out.mistake
def with_itself(rewards):
    """Your baseline is the mean of all samples of the prompt, the sample itself among them. It then depends on the
    sample, a little."""
    return rewards - rewards.mean(dim=1, keepdim=True)


@leave_one_out.mistake
def over_prompts(rewards):
    """You compare samples of different prompts with each other. An easy prompt would always look good: compare within a
    row."""
    P = rewards.shape[0]
    return rewards - (rewards.sum(dim=0, keepdim=True) - rewards) / max(P - 1, 1)


@leave_one_out.mistake
def over_everything(rewards):
    """You subtracted the mean over all prompts. A hard prompt would then have negative advantages only."""
    return rewards - rewards.mean()


@leave_one_out.mistake
def others_divided_by_all(rewards):
    """You summed the others, and divided by the number of all samples. How many others are there?"""
    return rewards - (rewards.sum(dim=1, keepdim=True) - rewards) / rewards.shape[1]


@leave_one_out.mistake
def the_baseline(rewards):
    """That is the baseline. The advantage is the reward minus the baseline."""
    return (rewards.sum(dim=1, keepdim=True) - rewards) / (rewards.shape[1] - 1)


@leave_one_out.mistake
def divided_by_the_deviation(rewards):
    """You divided by the standard deviation, as GRPO does. Here only the mean of the others is subtracted."""
    return (rewards - rewards.mean(dim=1, keepdim=True)) / (rewards.std(dim=1, keepdim=True) + 1e-4)


def ratios(generator):
    """On either side of the interval, with either sign of the advantage; then many."""
    yield torch.tensor([1.5, 0.5, 1.5, 0.5, 1.0]).double(), torch.tensor([1.0, 1.0, -1.0, -1.0, 2.0]).double(), 0.2
    for size, clip in ((1, 0.1), (6, 0.3), (20, 0.2)):
        yield torch.from_numpy(generator.gamma(8, 1 / 8, size)), torch.from_numpy(generator.normal(size=size)), clip


@exercise(
    "21.clipped",
    inputs=ratios,
    hint="Compute both products, with the ratio as it is and with the ratio cut to its interval, and take the smaller "
    "one of each token.",
)
def clipped(ratio, advantage, clip):
    """The smaller one of two products."""
    return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


@clipped.mistake
def always_cut(ratio, advantage, clip):
    """You always use the cut ratio. A policy that has moved the wrong way would then feel nothing, and could not come
    back: what does the minimum do there?"""
    return ratio.clamp(1 - clip, 1 + clip) * advantage


@clipped.mistake
def never_cut(ratio, advantage, clip):
    """Your ratio is never cut. Where does the clipping enter?"""
    return ratio * advantage


@clipped.mistake
def the_larger_one(ratio, advantage, clip):
    """You took the larger of the two products. The objective is to be a lower bound, which promises nothing beyond the
    interval."""
    return torch.maximum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


@clipped.mistake
def cut_above_only(ratio, advantage, clip):
    """You cut the ratio above 1 + clip only. With a negative advantage, what has fallen below 1 - clip counts."""
    return torch.minimum(ratio * advantage, ratio.clamp(max=1 + clip) * advantage)


@clipped.mistake
def the_product_cut(ratio, advantage, clip):
    """You cut the product. The interval is around a ratio of 1, whatever the advantage is."""
    return torch.minimum(ratio * advantage, (ratio * advantage).clamp(1 - clip, 1 + clip))


@clipped.mistake
def a_loss(ratio, advantage, clip):
    """That is the loss, with the sign turned round. The objective is asked for, which training raises."""
    return -clipped(ratio, advantage, clip)


def counts(_):
    """One sample; none right; all right; fewer wrong ones than k; ordinary cases."""
    yield from ((1, 1, 1), (8, 0, 3), (8, 8, 3), (8, 6, 3), (10, 3, 1), (10, 3, 4), (64, 2, 16), (200, 11, 10))


@exercise(
    "21.pass_at_k",
    inputs=counts,
    hint="Of all ways to pick k of the n samples, how many contain wrong ones only?",
)
def pass_at_k(n, c, k):
    """One minus the share of picks that hold no right sample."""
    return 1 - math.comb(n - c, k) / math.comb(n, k)


@pass_at_k.mistake
def with_replacement(n, c, k):
    """You put each sample back before the next pick. That is right for a probability that is known; with c / n in its
    place the result is too small on average, since the k samples are picked from n without repetition."""
    return 1 - (1 - c / n) ** k


@pass_at_k.mistake
def all_of_them(n, c, k):
    """That is how often all k picks are right. One right sample is enough."""
    return math.comb(c, k) / math.comb(n, k)


@pass_at_k.mistake
def none_of_them(n, c, k):
    """That is how often all picks are wrong. When is at least one right?"""
    return math.comb(n - c, k) / math.comb(n, k)


@pass_at_k.mistake
def k_times_the_share(n, c, k):
    """You multiplied the share of right samples by k. Two right samples in one pick count once, and a probability is at
    most 1."""
    return k * c / n


@pass_at_k.mistake
def the_share(n, c, k):
    """That is pass@1. What do the other picks add?"""
    return c / n


def token_log_probabilities(generator):
    """Equal policies; then others, with a few samples of a few tokens."""
    same = torch.full((2, 3), -1.0, dtype=torch.float64)
    yield torch.tensor([1.0, 0.0], dtype=torch.float64), same, same.clone(), 0.5
    for B, N, beta in ((1, 1, 1.0), (3, 2, 0.1), (4, 5, 0.3)):
        rewards, p, reference = (generator.normal(size=size) for size in (B, (B, N), (B, N)))
        yield torch.from_numpy(rewards), torch.from_numpy(p - 2), torch.from_numpy(reference - 2), beta


@exercise(
    "21.penalized",
    inputs=token_log_probabilities,
    hint="How many nats likelier is the whole sample under the policy than under the reference? Each of them costs "
    "beta.",
)
def penalized(rewards, log_probs, reference, beta):
    """The reward minus beta times the log-ratio of the whole sample."""
    return rewards - beta * (log_probs - reference).sum(dim=1)


@penalized.mistake
def paid_for_distance(rewards, log_probs, reference, beta):
    """Your policy is paid for what the reference finds unlikely. Turn the difference round."""
    return rewards + beta * (log_probs - reference).sum(dim=1)


@penalized.mistake
def mean_over_tokens(rewards, log_probs, reference, beta):
    """You took the mean over the tokens. The log-probability of a sample is the sum of its tokens', so that a long
    sample can go further for the same price."""
    return rewards - beta * (log_probs - reference).mean(dim=1)


@penalized.mistake
def absolute_values(rewards, log_probs, reference, beta):
    """You took absolute values. A token that is less likely than under the reference lowers the price; only on average
    is the sum positive."""
    return rewards - beta * (log_probs - reference).abs().sum(dim=1)


@penalized.mistake
def without_a_price(rewards, log_probs, reference, beta):
    """You subtracted the log-ratio itself. Where is its price, beta?"""
    return rewards - (log_probs - reference).sum(dim=1)


@penalized.mistake
def only_the_policy(rewards, log_probs, reference, beta):
    """You use the policy's log-probability alone. That punishes everything likely, and rewards randomness; the
    reference says what may be likely."""
    return rewards - beta * log_probs.sum(dim=1)


@penalized.mistake
def ratio_of_probabilities(rewards, log_probs, reference, beta):
    """You took the ratio of the probabilities. The price is for nats: for its logarithm."""
    return rewards - beta * (log_probs - reference).sum(dim=1).exp()
