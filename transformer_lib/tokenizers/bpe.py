"""Byte-pair encoding: the commonest pair of neighbouring tokens becomes a token, again and again.

Training starts from the 256 bytes. Each step counts the pairs of neighbours in the text, cut into tokens as it is so
far, and merges the commonest pair, argmax count(ab), everywhere. Of equally common pairs, the one with the smallest ids
is merged, the left id compared first. The first 256 ids are the bytes in GPT-2's order: those that print, then the
others. With this order and this rule the merges are those of the `tokenizers` library.

Encoding replays the merges on each piece of a text: of all neighbours that training merged, the pair merged earliest is
merged first, the leftmost one if it occurs several times, until no neighbours are left that training merged.

Source: Gage 1994, for compression; Sennrich et al. 2016, section 3.2, for words; Radford et al. 2019, section 2.2, on
bytes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pathlib import Path

from tqdm import tqdm

from transformer_lib.tokenizers import tokenizer_json
from transformer_lib.tokenizers.bytes import PRINTABLE, ByteLevelTokenizer, utf8
from transformer_lib.tokenizers.pair_counts import Pair, PairCounts
from transformer_lib.tokenizers.pretokenize import GPT2, pretokenize, split_special_tokens

Merge = tuple[bytes, bytes]

BYTES = tuple(bytes([byte]) for byte in PRINTABLE)  # in GPT-2's order
_CACHED_PIECES = 100_000


class BPETokenizer(ByteLevelTokenizer):
    """Translate between text and ids of byte strings that grew by merging.

    Attributes:
        merges: the pairs of byte strings that are merged, the earliest first.
        vocabulary: the id of each byte string.
        special_tokens: the id of each token that stands for no text.
        pattern: the regular expression that cuts a text into pieces first.

    Example:

        >>> tokenizer = BPETokenizer.train("low lower lowest low low", vocab_size=260)  # 256 bytes, and 4 merges
        >>> [tokenizer.decode([token]) for token in tokenizer.encode("lower")]
        ['low', 'e', 'r']
    """

    def __init__(
        self,
        merges: Iterable[Merge],
        *,
        vocabulary: Mapping[bytes, int] | None = None,
        special_tokens: Mapping[str, int] | None = None,
        pattern: str = GPT2,
    ) -> None:
        """Make a tokenizer of its merges; without a vocabulary, ids count up: the bytes, then what each merge makes."""
        self.merges = list(merges)
        if vocabulary is None:
            vocabulary = {token: i for i, token in enumerate([*BYTES, *(left + right for left, right in self.merges)])}
        self.vocabulary = dict(vocabulary)
        self.special_tokens = dict(special_tokens or {})
        self.pattern = pattern
        for merge in self.merges:
            for token in (*merge, merge[0] + merge[1]):
                if token not in self.vocabulary:
                    raise ValueError(f"merges has {merge!r}, and vocabulary must give {token!r} an id")
        specials = {text.encode(): i for text, i in self.special_tokens.items()}
        bytes_of = {i: token for token, i in (self.vocabulary | specials).items()}
        if b"" in specials or len(bytes_of) < len(self.vocabulary) + len(specials):
            raise ValueError(
                f"special_tokens={self.special_tokens!r} must be texts with ids of their own: none empty, and neither "
                "text nor id shared with another token"
            )
        super().__init__(bytes_of)
        self._ranks = {merge: rank for rank, merge in enumerate(self.merges)}
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(
        cls,
        text: str | Iterable[str],
        vocab_size: int,
        *,
        special_tokens: Sequence[str] = (),
        pattern: str = GPT2,
        progress: bool = False,
    ) -> "BPETokenizer":
        """Learn the merges of a text.

        Args:
            text: one text, or several.
            vocab_size: number of tokens: 256 bytes, one for each merge, and the special tokens, which get the last ids.
                It stays smaller if the text runs out of pairs.
            special_tokens: texts that stand for no text, such as "<|endoftext|>".
            pattern: the regular expression that cuts a text into pieces; no merge reaches across a cut.
            progress: show a progress bar.

        Raises:
            ValueError: vocab_size has no room for the bytes and the special tokens.
        """
        n_merges = vocab_size - len(BYTES) - len(special_tokens)
        if n_merges < 0:
            raise ValueError(
                f"vocab_size={vocab_size} must be at least {vocab_size - n_merges}: 256 bytes"
                f" and {len(special_tokens)} special tokens"
            )
        ids = {token: i for i, token in enumerate(BYTES)}
        pieces = Counter(
            piece for part in ([text] if isinstance(text, str) else text) for piece in pretokenize(part, pattern)
        )
        counts = PairCounts(([ids[bytes([byte])] for byte in utf8(piece)], n) for piece, n in pieces.items())
        tokens, merges = list(BYTES), []
        for pair in tqdm(_commonest_pairs(counts, n_merges), total=n_merges, unit="merge", disable=not progress):
            merges.append((tokens[pair[0]], tokens[pair[1]]))
            tokens.append(tokens[pair[0]] + tokens[pair[1]])
        return cls(merges, pattern=pattern, special_tokens={t: len(tokens) + i for i, t in enumerate(special_tokens)})

    def encode(self, text: str, *, parse_special: bool = True) -> list[int]:
        """Return the token ids of the text.

        Args:
            text: any text.
            parse_special: whether special tokens written in the text become their ids. Say False for text from outside,
                which could otherwise end a document or take another's turn: it is then text like any other.

        Raises:
            ValueError: the text holds a lone surrogate, or a byte that a vocabulary read from a file lacks.
        """
        utf8(text)  # a lone surrogate is reported at its place in the whole text
        special_tokens = self.special_tokens if parse_special else {}
        ids: list[int] = []
        for part in split_special_tokens(text, special_tokens):
            if part in special_tokens:
                ids.append(special_tokens[part])
            else:
                for piece in pretokenize(part, self.pattern):
                    ids += self._cache.get(piece) or self._encode_piece(piece)
        return ids

    def steps(self, word: str) -> Iterator[list[bytes]]:
        """Yield the tokens of one word, first its bytes, then what each merge leaves of them, one merge a step.

        This is the algorithm as it is defined. `encode` does the same faster.

        Raises:
            ValueError: the pattern cuts the word into several pieces.
        """
        if len(pieces := pretokenize(word, self.pattern)) > 1:
            raise ValueError(
                f"word={word!r} must be one piece, and pattern cuts it into {pieces}: replay one at a time"
            )
        tokens = [bytes([byte]) for byte in utf8(word)]
        yield tokens
        while ranks := {pair: self._ranks[pair] for pair in pairwise(tokens) if pair in self._ranks}:
            earliest = min(ranks, key=ranks.__getitem__)
            place = list(pairwise(tokens)).index(earliest)
            tokens = [*tokens[:place], earliest[0] + earliest[1], *tokens[place + 2 :]]
            yield tokens

    def save(self, path: str | Path) -> None:
        """Write the tokenizer as a `tokenizer.json`, which the `tokenizers` and `transformers` libraries read too."""
        tokenizer_json.write_bpe(path, self.merges, self.vocabulary, self.special_tokens, self.pattern)

    @classmethod
    def load(cls, path: str | Path) -> "BPETokenizer":
        """Read a `tokenizer.json`, written by save or by another library.

        Raises:
            ValueError: the file is none, or asks for something that this class does not do.
        """
        return cls(**tokenizer_json.read_bpe(path))

    def _encode_piece(self, piece: str) -> list[int]:
        tokens = merge_by_rank([bytes([byte]) for byte in utf8(piece)], self._ranks)
        for token in tokens:
            if token not in self.vocabulary:
                raise ValueError(
                    f"text has {piece!r}, whose byte 0x{token.hex()} has no token in this vocabulary: "
                    "remove the character, or use a vocabulary that has all 256 bytes"
                )
        ids = [self.vocabulary[token] for token in tokens]
        if len(self._cache) < _CACHED_PIECES:
            self._cache[piece] = ids
        return ids


def _commonest_pairs(counts: PairCounts, n_merges: int) -> Iterator[Pair]:
    """Yield the commonest pair, merge it, and so on; the new tokens are numbered from 256.

    The pairs wait in a queue by count. When a count changes, the pair is queued again under its new count, and the old
    entry is told by its count and passed over when it comes up.
    """
    queue = [(-count, pair) for pair, count in counts.pairs.items()]
    heapify(queue)
    new = len(BYTES)
    while queue and new < len(BYTES) + n_merges:
        count, pair = heappop(queue)
        if counts.pairs[pair] == -count:
            yield pair
            for changed in counts.merge(pair, new) & counts.pairs.keys():
                heappush(queue, (-counts.pairs[changed], changed))
            new += 1


def merge_by_rank(tokens: Sequence[bytes], ranks: Mapping[Merge, int]) -> list[bytes]:
    """Merge neighbours, the pair of lowest rank first and from the left, until no neighbours have a rank.

    It takes O(n log n) for n tokens: the pairs wait in a queue by rank and place. A token merged into the one before it
    leaves an empty place, passed over by links from each token to its neighbours.

    Args:
        tokens: What is merged, often single bytes.
        ranks: Of each pair that may be merged; the lowest is merged first.
    """
    tokens = [*tokens, b""]  # the last one has no rank with any other; as tokens[-1] it is also before the first
    before = list(range(-1, len(tokens) - 1))
    after = [*range(1, len(tokens)), -1]
    queue = sorted((ranks[pair], place) for place, pair in enumerate(pairwise(tokens)) if pair in ranks)
    while queue:
        rank, left = heappop(queue)
        right = after[left]
        if ranks.get((tokens[left], tokens[right])) != rank:
            continue  # one of the two has been merged with another neighbour since
        tokens[left], tokens[right] = tokens[left] + tokens[right], b""
        after[left], before[after[right]] = after[right], left
        for start in (before[left], left):
            pair = tokens[start], tokens[after[start]]
            if pair in ranks:
                heappush(queue, (ranks[pair], start))
    return [token for token in tokens if token]
