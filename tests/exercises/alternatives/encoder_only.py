"""Right answers to the exercises of chapter 15, written in other ways."""

import numpy as np
import torch


def words_by_loops(chosen, word):
    hit = {w for c, w in zip(chosen.tolist(), word.tolist(), strict=True) if c}
    return [w in hit for w in word.tolist()]


def words_by_a_table(chosen, word):
    same = word[:, None] == word[None]
    return (same & chosen[None]).any(dim=1)


def words_in_numpy(chosen, word):
    return np.isin(word.numpy(), np.unique(word.numpy()[chosen.numpy()]))


def pair_by_appending(a, b, cls, sep):
    tokens, segments = [cls], [0]
    for segment, words in enumerate((a, b)):
        for token in [*words, sep]:
            tokens.append(token)
            segments.append(segment)
    return tokens, segments


def pair_in_torch(a, b, cls, sep):
    tokens = torch.tensor([cls, *a, sep, *b, sep])
    return tokens, (torch.arange(len(tokens)) > len(a) + 1).long()


def rank_by_sorting(logits, target):
    return logits.argsort(descending=True).tolist().index(target) + 1


def rank_by_sorting_twice(logits, target):
    return (-logits).argsort().argsort()[target] + 1


def blank_by_log_sum(log_left, log_right):
    joint = torch.cat([log_left[:, None], log_right], dim=1).sum(dim=1)
    return (joint - joint.logsumexp(dim=0)).exp()


def blank_in_numpy(log_left, log_right):
    joint = log_left.numpy() + log_right.numpy().sum(axis=1)
    joint = np.exp(joint - joint.max())
    return joint / joint.sum()


def blank_one_token_at_a_time(log_left, log_right):
    belief = log_left.exp()
    for column in log_right.T:
        belief = belief * column.exp()
        belief = belief / belief.sum()
    return belief


def surest_in_tensors(logits_of, tokens, mask):
    ids = torch.tensor(tokens)
    for _ in range(int((ids == mask).sum())):
        p = logits_of(ids.tolist()).softmax(dim=1)
        p[:, mask] = 0
        p[ids != mask] = 0
        t, token = divmod(int(p.argmax()), p.shape[1])
        ids[t] = token
    return ids


def surest_by_logarithms(logits_of, tokens, mask):
    ids = list(tokens)
    while mask in ids:
        logp = logits_of(ids).log_softmax(dim=-1).numpy().copy()
        logp[:, mask] = -np.inf
        holes = [t for t in range(len(ids)) if ids[t] == mask]
        t = holes[int(logp[holes].max(axis=1).argmax())]
        ids[t] = int(logp[t].argmax())
    return tuple(ids)


ALTERNATIVES = {
    "15.whole_words": [words_by_loops, words_by_a_table, words_in_numpy],
    "15.sentence_pair": [pair_by_appending, pair_in_torch],
    "15.rank_of": [rank_by_sorting, rank_by_sorting_twice],
    "15.fill_from_both_sides": [blank_by_log_sum, blank_in_numpy, blank_one_token_at_a_time],
    "15.surest_first": [surest_in_tensors, surest_by_logarithms],
}
