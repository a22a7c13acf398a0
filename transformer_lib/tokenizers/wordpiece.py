"""WordPiece: merge the two tokens that belong together most, and encode by the longest match.

Training starts from characters; one that continues a word is written with "##" before it. Each step merges the pair
with the largest

    score(ab) = count(ab) / (count(a) · count(b)).

Where BPE asks which pair is commonest, this asks which pair is commoner than its two tokens let you expect. In a
unigram model of the N tokens, to merge one occurrence raises the log-likelihood of the text by log(N · score(ab)),
apart from what the other tokens lose. So this is the gain of *one* occurrence, and it prefers what is rare: two tokens
that occur only once, together, have the largest score there is. `min_count` keeps such pairs out;
`score=likelihood_gain` counts what all occurrences gain, as the paper of 2012 does. Of equal scores, the commoner pair
is merged, then the one with the smallest ids.

Encoding needs no merges. From the start of a word, the longest token that fits is next; a word with a rest that no
token fits is one unknown token.

Source: Schuster and Nakajima 2012; Wu et al. 2016, section 4.1; Devlin et al. 2019. What trained BERT's vocabulary was
never published, and the trainer of that name in the `tokenizers` library merges the commonest pair, as BPE does: here,
`score=frequency`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice
from math import log
from operator import index
from pathlib import Path
from typing import SupportsIndex

from tqdm import tqdm

from transformer_lib.tokenizers import tokenizer_json
from transformer_lib.tokenizers.basic_tokenize import basic_tokenize
from transformer_lib.tokenizers.bytes import utf8
from transformer_lib.tokenizers.pair_counts import Pair, PairCounts
from transformer_lib.tokenizers.pretokenize import split_special_tokens

Score = Callable[[int, int, int, int], float]

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CACHED_WORDS = 100_000


def likelihood_ratio(pair: int, left: int, right: int, total: int) -> float:
    """Score a pair by what merging one occurrence gains: count(ab) / (count(a) · count(b)).

    Args:
        pair: How often the two stand side by side.
        left: How often the first occurs.
        right: How often the second does.
        total: Pieces in the text, N.
    """
    return pair / (left * right)


def likelihood_gain(pair: int, left: int, right: int, total: int) -> float:
    """Score a pair by what all occurrences gain: count(ab) · log(N · count(ab) / (count(a) · count(b))), in nats.

    Args:
        pair: How often the two stand side by side.
        left: How often the first occurs.
        right: How often the second does.
        total: Pieces in the text, N.
    """
    return pair * log(total * pair / (left * right))


def frequency(pair: int, left: int, right: int, total: int) -> float:
    """Score a pair by how often it occurs, as BPE does.

    Args:
        pair: How often the two stand side by side.
        left: How often the first occurs.
        right: How often the second does.
        total: Pieces in the text, N.
    """
    return pair


class WordPieceTokenizer:
    """Translate between text and ids of words and parts of words.

    Attributes:
        vocabulary: the id of each token; "##" begins a token that continues a word.
        special_tokens: the id of each token that stands for no text; the vocabulary has them too.
        unknown: the special token of a word that cannot be written.
        lowercase: whether words are written in lower case and without accents.
        longest_word: a word of more characters is unknown.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        *,
        special_tokens: Iterable[str] = SPECIAL_TOKENS,
        unknown: str = "[UNK]",
        lowercase: bool = True,
        longest_word: int = 100,
    ) -> None:
        self.vocabulary = dict(vocabulary)
        for token in (unknown, *special_tokens):
            if token not in self.vocabulary:
                raise ValueError(
                    f"vocabulary must give the special token {token!r} an id: add it, or name the others only"
                )
        self.special_tokens = {token: self.vocabulary[token] for token in special_tokens}
        self.unknown = unknown
        self.lowercase = lowercase
        self.longest_word = longest_word
        self._tokens = {i: token for token, i in self.vocabulary.items()}
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(
        cls,
        text: str | Iterable[str],
        vocab_size: int,
        *,
        special_tokens: Sequence[str] = SPECIAL_TOKENS,
        lowercase: bool = True,
        score: Score = likelihood_ratio,
        min_count: int = 1,
        progress: bool = False,
    ) -> "WordPieceTokenizer":
        """Learn a vocabulary from a text.

        Args:
            text: one text, or several.
            vocab_size: number of tokens: the special tokens, each character twice (as it starts a word, and with "##"),
                and one for each merge. It stays smaller if the text runs out of pairs.
            special_tokens: texts that stand for no text; "[UNK]" is needed. They get the first ids.
            lowercase: write words in lower case and without accents.
            score: what the pair to merge has most of, given count(ab), count(a), count(b) and the number of tokens N;
                it must not rise when N alone falls.
            min_count: how often a pair must occur to be merged.
            progress: show a progress bar.

        Raises:
            ValueError: vocab_size has no room for the special tokens and the characters.
        """
        texts = [text] if isinstance(text, str) else text
        words = Counter(word for part in texts for word in basic_tokenize(part, lowercase=lowercase))
        characters = sorted(set().union(*words))
        tokens = [*special_tokens, *characters, *("##" + character for character in characters)]
        if (n_merges := vocab_size - len(tokens)) < 0:
            raise ValueError(
                f"vocab_size={vocab_size} must be at least {len(tokens)}: {len(special_tokens)} special tokens and "
                f"{len(characters)} characters, each also with '##'"
            )
        ids = {token: i for i, token in enumerate(tokens)}
        counts = PairCounts(([ids[token] for token in _characters(word)], n) for word, n in words.items())
        pairs = islice(_best_pairs(counts, score, min_count, first_id=len(tokens)), n_merges)
        for left, right in tqdm(pairs, total=n_merges, unit="merge", disable=not progress):
            tokens.append(tokens[left] + tokens[right].removeprefix("##"))
        return cls({token: i for i, token in enumerate(tokens)}, special_tokens=special_tokens, lowercase=lowercase)

    @property
    def vocab_size(self) -> int:
        """Return the number of rows V an embedding of these tokens needs: one more than the largest id."""
        return max(self._tokens) + 1

    def encode(self, text: str, *, parse_special: bool = True) -> list[int]:
        """Return the token ids of the words of a text; nothing is put around them.

        Args:
            text: any text.
            parse_special: whether special tokens written in the text become their ids. Say False for text from outside.

        Raises:
            ValueError: the text holds a lone surrogate.
        """
        utf8(text)
        special_tokens = self.special_tokens if parse_special else {}
        ids: list[int] = []
        for part in split_special_tokens(text, special_tokens):
            if part in special_tokens:
                ids.append(special_tokens[part])
            else:
                for word in basic_tokenize(part, lowercase=self.lowercase):
                    ids += self._cache.get(word) or self._encode_word(word)
        return ids

    def tokens(self, ids: Iterable[SupportsIndex]) -> list[str]:
        """Return the tokens of the ids.

        Raises:
            ValueError: no token has one of these ids.
        """
        numbers = [index(token) for token in ids]
        for position, number in enumerate(numbers):
            if number not in self._tokens:
                raise ValueError(
                    f"ids[{position}]={number} must be one of the {len(self._tokens)} token ids, "
                    f"0 to {self.vocab_size - 1}: was it made by another tokenizer?"
                )
        return [self._tokens[number] for number in numbers]

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """Return the words of the token ids, with a space between any two.

        Where the text had spaces, capitals and accents is lost in encoding: "don't" comes back as "don ' t".
        """
        return " ".join(self.tokens(ids)).replace(" ##", "")

    def save(self, path: str | Path) -> None:
        """Write the tokenizer as a `tokenizer.json`, which the `tokenizers` and `transformers` libraries read too."""
        tokenizer_json.write_wordpiece(
            path,
            self.vocabulary,
            self.special_tokens,
            unknown=self.unknown,
            lowercase=self.lowercase,
            longest_word=self.longest_word,
        )

    @classmethod
    def load(cls, path: str | Path) -> "WordPieceTokenizer":
        """Read a `tokenizer.json`, written by save or by another library.

        Raises:
            ValueError: the file is none, or asks for something that this class does not do.
        """
        return cls(**tokenizer_json.read_wordpiece(path))

    def _encode_word(self, word: str) -> list[int]:
        ids = self._longest_matches(word) or [self.vocabulary[self.unknown]]
        if len(self._cache) < _CACHED_WORDS:
            self._cache[word] = ids
        return ids

    def _longest_matches(self, word: str) -> list[int]:
        """Return the longest tokens that fit, from the left; none if they do not make up the word."""
        if len(word) > self.longest_word:
            return []
        ids: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            fitting = (end for end in range(len(word), start, -1) if prefix + word[start:end] in self.vocabulary)
            if (end := next(fitting, None)) is None:
                return []
            ids.append(self.vocabulary[prefix + word[start:end]])
            start = end
        return ids


def _characters(word: str) -> list[str]:
    return [word[0], *("##" + character for character in word[1:])]


def _best_pairs(counts: PairCounts, score: Score, min_count: int, first_id: int) -> Iterator[Pair]:
    """Yield the pair of the best score, merge it, and so on; the new tokens are numbered from first_id.

    The pairs wait in a queue by score. A merge changes the counts of two tokens, and so the scores of the pairs that
    either is in: they are queued again. It also lowers N, which can only lower a score: an entry whose pair is worth
    less by now goes back into the queue for what it is worth.
    """
    pairs_with: defaultdict[int, set[Pair]] = defaultdict(set)
    queue: list[tuple[float, int, Pair]] = []

    def entry(pair: Pair) -> tuple[float, int, Pair]:
        count, (left, right) = counts.pairs[pair], pair
        return -score(count, counts.tokens[left], counts.tokens[right], counts.n_tokens), -count, pair

    def offer(pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            if counts.pairs[pair] >= min_count:
                heappush(queue, entry(pair))
                pairs_with[pair[0]].add(pair)
                pairs_with[pair[1]].add(pair)

    offer(counts.pairs)
    while queue:
        best = heappop(queue)
        pair = best[-1]
        if counts.pairs[pair] < min_count:
            continue
        if best == (now := entry(pair)):
            yield pair
            changed = counts.merge(pair, first_id)
            offer(changed | pairs_with[pair[0]] | pairs_with[pair[1]])
            first_id += 1
        elif best < now:
            heappush(queue, now)
