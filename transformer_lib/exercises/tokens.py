"""Exercises of chapter 03: how text becomes tokens."""

import codecs
import math
from collections import Counter
from itertools import pairwise

from transformer_lib.exercises.engine import Question, exercise

utf8_tokens = Question(
    "03.utf8_tokens",
    13,
    hint="Go through the text one character at a time, spaces too. Which of them are ASCII, and how many bytes does "
    "UTF-8 spend on each of the others?",
    mistakes={
        8: "That is how many characters there are. Two of them are not ASCII: how many bytes does each of those take?",
        11: "You left out the spaces. A space is a character like any other, and one byte.",
        10: "Either you gave both characters outside ASCII two bytes, or the emoji only one. The higher a code point "
        "is, the more bytes UTF-8 spends on it: how many on each of these?",
        12: "You gave the emoji as many bytes as the Chinese character. Its code point is above U+FFFF.",
        14: "You gave one of the two characters one byte too many. UTF-8 spends as few bytes as the code point needs.",
        9: "One of your characters has too few bytes. Two of them are not ASCII: how many does each of those take?",
        104: "Those are bits. A byte has eight of them, and each byte is one token here.",
        32: "You gave every character four bytes, as UTF-32 does. In UTF-8 an ASCII character takes one.",
        16: "You gave every character two bytes. In UTF-8 an ASCII character takes one, and other characters more.",
        24: "You gave every character three bytes. In UTF-8 an ASCII character takes one.",
        5: "That is a number of larger tokens, such as a trained tokenizer makes. Here each byte is a token.",
        3: "Those are the words. The question is about bytes.",
    },
)


pieces = Question(
    "03.pieces",
    8,
    hint="Read the pattern from left to right at each place, and take the first alternative that matches. What does it "
    "say about the end of a contraction, and to which piece does a space belong?",
    mistakes={
        5: "Those are the words between spaces, as `split` gives them. The pattern also cuts a word from the marks at "
        "its end.",
        6: "Two of your pieces hold a cut. Look at the contraction, and at the place with two spaces.",
        7: "One of your pieces holds a cut. Either you kept the contraction whole, or you gave both spaces to "
        "one piece.",
        9: "You made one cut too many. Either you cut the end of the contraction from its apostrophe, or the number "
        "into digits, or you kept both of the two spaces apart from the word after them.",
        10: "You made two cuts too many. The end of a contraction keeps its apostrophe, the digits of a number stay "
        "together, and the second of two spaces goes with the word after it: which two of these did you cut?",
        11: "You made every space a piece of its own. A single space belongs to the word or number after it.",
        12: "You made every space a piece of its own, even of two neighbors. A single space belongs to the word or "
        "number after it.",
    },
)


def arriving_tokens(generator):
    """Tokens in bytes, one after the other, whose characters are whole, cut, and never finished."""
    yield ([b"low", b"est"],)
    yield ([b"\xc3", b"\xa9"],)
    yield ([b"a\xc3", b"\xa9b"],)
    yield ([b"\xe6", b"\x88", b"\x91"],)
    yield ([b"ok", b"\xf0\x9f"],)
    yield ([b"a", b"b\xe6\x88", b"\x91", b"\xe6\x98\xaf", b"!"],)
    yield ([b"\xe2\x82\xac\xf0", b"\x9f\x8d", b"\x87!"],)
    yield ([b"I \xe6\x88", b"\x91 love ", b"\xf0\x9f\x8d", b"\x8a\xf0", b"\x9f\x8d\x87", b"."],)


@exercise("03.stream", inputs=arriving_tokens)
def stream(tokens):
    """What can be shown after each token: the characters that it completes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    return [decoder.decode(token) for token in tokens]


@stream.mistake
def each_token_decoded_alone(tokens):
    """You decode each token by itself. A character can begin in one token and end in the next, so the bytes of the
    beginning have to be kept until the others arrive."""
    return [token.decode(errors="replace") for token in tokens]


@stream.mistake
def incomplete_bytes_dropped(tokens):
    """You drop the bytes that are no character yet, or you count a mark for them among the characters that were shown.
    The next token may complete them: keep them, and show the character then."""
    return [token.decode(errors="ignore") for token in tokens]


@stream.mistake
def everything_shown_again(tokens):
    """You return all of the text so far after each token. The reader has seen most of it: return only what is new."""
    shown = stream(tokens)
    return ["".join(shown[: i + 1]) for i in range(len(shown))]


@stream.mistake
def everything_at_the_end(tokens):
    """You wait for the last token. A character can be shown as soon as its last byte has arrived."""
    return [""] * (len(tokens) - 1) + ["".join(stream(tokens))]


@stream.mistake
def whole_characters_held_back(tokens):
    """You wait until all the bytes that you hold are whole characters. When a token holds a whole character and the
    beginning of another, the whole one can be shown at once."""
    held, shown = b"", []
    for token in tokens:
        held += token
        try:
            shown.append(held.decode())
            held = b""
        except UnicodeDecodeError:
            shown.append("")
    return shown


@stream.mistake
def the_mark_for_no_character_shown(tokens):
    """You show the mark for "no character" where a character is not finished. Show nothing for it until it is."""
    held, shown, length = b"", [], 0
    for token in tokens:
        held += token
        text = held.decode(errors="replace")
        shown.append(text[length:])
        length = len(text.rstrip("\N{REPLACEMENT CHARACTER}"))
    return shown


@stream.mistake
def characters_counted_as_bytes(tokens):
    """You remove as many bytes as you showed characters. A character outside ASCII is several bytes: how many bytes did
    the characters take that you showed?"""
    held, shown = b"", []
    for token in tokens:
        held += token
        now = held.decode(errors="ignore")
        shown.append(now)
        held = held[len(now) :]
    return shown


def _first_and_last(tokens, take):
    """Show each character at the token in which its first, or its last, byte lies."""
    shown, at = [""] * len(tokens), 0
    owners = [i for i, token in enumerate(tokens) for _ in token]
    for character in b"".join(tokens).decode(errors="ignore"):
        end = at + len(character.encode())
        shown[owners[take(at, end)]] += character
        at = end
    return shown


@stream.mistake
def shown_where_it_begins(tokens):
    """You show a character at the token that holds its *first* byte. When that token arrives, the others are not there
    yet: nobody knows which character it will be."""
    return _first_and_last(tokens, lambda first, end: first)


@stream.mistake
def the_buffer_emptied_too_early(tokens):
    """You throw away the bytes that cannot be decoded yet. Keep them until the next token has come, and empty the
    buffer only when they were shown."""
    shown = []
    for token in tokens:
        try:
            shown.append(token.decode())
        except UnicodeDecodeError:
            shown.append("")
    return shown


@stream.mistake(length=[2, 3, 4])
def characters_of_one_length(tokens, *, length):
    """You wait for {length} bytes whenever a byte is not ASCII. A character outside ASCII has two, three, or four: what
    does its first byte say?"""
    shown, held = [], b""
    for token in tokens:
        text = ""
        for byte in token:
            if byte < 128 and not held:
                text += chr(byte)
                continue
            held += bytes([byte])
            if len(held) == int(length):
                text, held = text + held.decode(errors="replace"), b""
        shown.append(text)
    return shown


@stream.mistake
def nothing_for_an_empty_one(tokens):
    """You leave out the tokens after which nothing new can be shown. The list has one text for each token, perhaps an
    empty one."""
    return [text for text in stream(tokens) if text]


@stream.mistake
def the_rest_shown_at_the_end(tokens):
    """Right, but for the bytes that are left at the end: you show something for them, although they never become a
    character."""
    shown = stream(tokens)
    return [*shown[:-1], shown[-1] + "\N{REPLACEMENT CHARACTER}"] if _unfinished(tokens) else shown


def _unfinished(tokens):
    try:
        b"".join(tokens).decode()
    except UnicodeDecodeError:
        return True
    return False


@stream.mistake
def bytes_taken_for_characters(tokens):
    """You make a character of every byte. In UTF-8 a character outside ASCII is several bytes."""
    return [token.decode("latin-1") for token in tokens]


def words_with_counts(generator):
    """Words, with how often each occurs; in none do two pairs share the best score."""
    for counts in (
        {"ab": 1},
        {"bcd": 5, "cb": 4, "bc": 1},
        {"qu": 2, "un": 30, "in": 40, "it": 9},
        {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5},
        {"the": 50, "thy": 20, "exit": 4, "he": 30},
        {"in": 1, "it": 9, "at": 1, "an": 8, "no": 1, "on": 1, "tin": 1},
        {"low": 1, "ow": 20, "lo": 9, "wl": 3},
        {"my": 1, "me": 30, "be": 2, "by": 12, "ye": 1},
        {"oo": 10, "oz": 2, "za": 3, "a": 8},
        {"bd": 4, "acc": 16, "ccd": 11, "db": 6},
        {"bcd": 2, "db": 17, "aaa": 15, "cd": 1},  # whose best pair stands in two words
    ):
        yield ([(list(word), times) for word, times in counts.items()],)


def _scored(words, score):
    pairs, tokens = {}, {}
    for word, times in words:
        for token in word:
            tokens[token] = tokens.get(token, 0) + times
        for pair in pairwise(word):
            pairs[pair] = pairs.get(pair, 0) + times
    return max(pairs, key=lambda pair: score(pairs[pair], tokens[pair[0]], tokens[pair[1]]))


@exercise("03.closest_pair", inputs=words_with_counts)
def closest_pair(words):
    """Find the pair that is commonest beside how common its two tokens are."""
    return _scored(words, lambda both, left, right: both / (left * right))


@closest_pair.mistake
def the_commonest_pair(words):
    """You found the commonest pair: that is BPE's choice. The score asks how common the pair is beside its
    two tokens."""
    return _scored(words, lambda both, left, right: both)


@closest_pair.mistake
def the_occurrences_of_a_word_ignored(words):
    """You count each word once. A word that occurs five times holds each of its tokens, and each of its pairs, five
    times as often."""
    return closest_pair([(word, 1) for word, _ in words])


@closest_pair.mistake
def divided_by_the_sum(words):
    """You divide by the sum of the two counts. If the two tokens met by chance alone, how would the expected number of
    meetings depend on the two counts?"""
    return _scored(words, lambda both, left, right: both / (left + right))


@closest_pair.mistake
def divided_by_the_first_alone(words):
    """You divide by the count of the first token alone: that asks what comes next. Both tokens of the pair can be
    common, and the score is to allow for both."""
    return _scored(words, lambda both, left, right: both / left)


@closest_pair.mistake
def the_score_turned_over(words):
    """You found the pair with the smallest score. The pair to be merged belongs together most."""
    return _scored(words, lambda both, left, right: left * right / both)


@closest_pair.mistake
def a_token_counted_once_in_a_word(words):
    """You count a token once in each word, even where the word holds it twice. Every occurrence counts."""
    tokens, pairs = Counter(), Counter()
    for word, times in words:
        tokens.update(dict.fromkeys(word, times))
        pairs.update({pair: times * list(pairwise(word)).count(pair) for pair in pairwise(word)})
    return max(pairs, key=lambda pair: pairs[pair] / (tokens[pair[0]] * tokens[pair[1]]))


@closest_pair.mistake
def the_gain_of_the_whole_text(words):
    """You found the pair by which the whole text gains most. That is the other criterion of the chapter; this exercise
    asks about a single occurrence."""
    total = sum(len(word) * times for word, times in words)
    return _scored(words, lambda both, left, right: both * math.log(both * total / (left * right)))


@closest_pair.mistake
def the_pair_already_joined(words):
    """You return the token that the pair would become. Return the pair itself, a tuple of two tokens."""
    return "".join(closest_pair(words))


def _counted(
    words, *, of_tokens=lambda times: times, of_pairs=lambda times: times, pair=lambda left, right: (left, right)
):
    tokens, pairs = Counter(), Counter()
    for word, times in words:
        for token in word:
            tokens[token] += of_tokens(times)
        for left, right in pairwise(word):
            pairs[pair(left, right)] += of_pairs(times)
    return max(pairs, key=lambda p: pairs[p] / (tokens[p[0]] * tokens[p[1]]))


@closest_pair.mistake
def tokens_counted_once_for_each_word(words):
    """You count the pairs as often as their word occurs, but the tokens only once for each word. Both have to be
    counted alike."""
    return _counted(words, of_tokens=lambda times: 1)


@closest_pair.mistake
def pairs_counted_once_for_each_word(words):
    """You count the tokens as often as their word occurs, but the pairs only once for each word. Both have to be
    counted alike."""
    return _counted(words, of_pairs=lambda times: 1)


@closest_pair.mistake
def both_orders_taken_together(words):
    """You count a pair and its reverse together. "ab" and "ba" are two pairs: merging one leaves the other alone."""
    return _counted(words, pair=lambda left, right: (min(left, right), max(left, right)))


@closest_pair.mistake
def the_pair_squared(words):
    """You square the count of the pair, or take a root of the counts of its tokens. The score divides the count of the
    pair itself by the product of the two."""
    return _scored(words, lambda both, left, right: both**2 / (left * right))


@closest_pair.mistake
def divided_into_whole_numbers(words):
    """You divide with `//`, which leaves whole numbers: nearly every score becomes 0, and the first pair wins."""
    return _scored(words, lambda both, left, right: both // (left * right))


@closest_pair.mistake(least=[2, 3])
def rare_words_left_out(words, *, least):
    """You leave out words, or pairs, that occur fewer than {least} times. The exercise counts all of them."""
    return closest_pair([(word, times) for word, times in words if times >= int(least)])


@closest_pair.mistake
def divided_by_the_second_alone(words):
    """You divide by the count of the second token alone. Both tokens of the pair can be common, and the score is to
    allow for both."""
    return _scored(words, lambda both, left, right: both / right)


@closest_pair.mistake(one={"larger": max, "smaller": min})
def divided_by_one_of_them(words, *, one):
    """You divide by the {one} of the two counts. The score divides by their product: that is how often they would meet
    by chance."""
    return _scored(words, lambda both, left, right: both / one(left, right))


def words_and_vocabularies(generator):
    """Words, and vocabularies that know them whole, in parts, and not at all."""
    yield "a", {"a"}
    yield "a", {"##a"}
    yield "ab", {"a", "##b"}
    yield "ab", {"a", "b"}
    yield "abc", {"a", "ab", "##bc", "##c"}
    yield "abcd", {"a", "ab", "##bcd", "##cd"}
    yield "Ann", {"A", "##nn", "ann"}  # a capital letter is another letter
    yield "McGee", {"Mc", "##Gee", "mc", "##g", "##ee"}
    yield "berry", {"b", "be", "##rry", "##r", "##y", "ber", "##ry"}
    yield "newest", {"n", "new", "##est", "est", "newer", "##e", "##s", "##t"}
    yield "newsx", {"new", "##s", "news"}
    yield "unhug", {"un", "##h", "##hug", "hug", "u", "##n"}
    yield "anna", {"an", "ann", "##na", "##n"}
    yield "abzz", {"ab", "##b"}


@exercise("03.longest_match", inputs=words_and_vocabularies)
def longest_match(word, vocabulary):
    """Cut a word, from the left, into the longest tokens that fit."""
    return _matched(word, vocabulary)


def _matched(word, vocabulary, *, longest=True, mark="##", rest_only=False, unmark=()):
    tokens, i = [], 0
    while i < len(word):
        ends = range(len(word), i, -1) if longest else range(i + 1, len(word) + 1)
        fitting = [(mark if i else "") + word[i:end] for end in ends if (mark if i else "") + word[i:end] in vocabulary]
        if not fitting:
            return [*tokens, "[UNK]"] if rest_only else ["[UNK]"]
        piece = fitting[0].removeprefix(mark if i else "")
        tokens.append(piece if i and piece in unmark and fitting[0] not in unmark else fitting[0])
        i += len(piece)
    return tokens


@longest_match.mistake
def the_shortest_match(word, vocabulary):
    """You take the shortest token that fits. Try the whole rest of the word first, and then less and less of it."""
    return _matched(word, vocabulary, longest=False)


@longest_match.mistake
def no_marks(word, vocabulary):
    """You look for the later pieces without their mark. In this vocabulary "est" begins a word, and "##est" continues
    one: they are two tokens."""
    return _matched(word, vocabulary, mark="")


@longest_match.mistake
def the_beginning_of_an_unknown_word_kept(word, vocabulary):
    """You keep the pieces that were found before the rest that does not fit. WordPiece gives up on the whole word: one
    token says that it is unknown."""
    return _matched(word, vocabulary, rest_only=True)


@longest_match.mistake
def another_way_tried(word, vocabulary):
    """You go back and try a shorter token where the longest leads to a dead end. Longest match first never looks back,
    even where another cut would have done."""

    def cut(i):
        if i == len(word):
            return []
        for end in range(len(word), i, -1):
            token = ("##" if i else "") + word[i:end]
            if token in vocabulary and (rest := cut(end)) is not None:
                return [token, *rest]
        return None

    found = cut(0)
    return ["[UNK]"] if found is None else found


@longest_match.mistake
def marks_left_out_of_the_answer(word, vocabulary):
    """You found the right pieces and returned them without their marks. The tokens are strings of the vocabulary."""
    return [token.removeprefix("##") for token in _matched(word, vocabulary)]


@longest_match.mistake
def the_unknown_without_a_list(word, vocabulary):
    """You return a bare string where the word is unknown. The answer is always a list of tokens, even of one."""
    found = _matched(word, vocabulary)
    return "[UNK]" if found == ["[UNK]"] else found


@longest_match.mistake
def either_form_accepted_everywhere(word, vocabulary):
    """You accept a piece if the vocabulary holds it in either form. At the beginning of a word only the form without
    the mark will do, and later only the form with it."""
    either = vocabulary | {token.removeprefix("##") for token in vocabulary} | {"##" + token for token in vocabulary}
    return _matched(word, either)


@longest_match.mistake(
    give={
        "an empty list": lambda word: [],
        "nothing": lambda word: None,
        "the word itself": lambda word: [word],
        "its characters": list,
        "a list of `[UNK]`, one for each character": lambda word: ["[UNK]"] * len(word),
    }
)
def another_answer_for_an_unknown_word(word, vocabulary, *, give):
    """Where the word can be cut, yours is right. For a word that cannot, you return {give}. The answer is a list with
    one token, which says that it is unknown."""
    found = _matched(word, vocabulary)
    return give(word) if found == ["[UNK]"] else found


@longest_match.mistake
def two_pieces_at_most(word, vocabulary):
    """You take the longest beginning, and then all of the rest, or nothing. The rest is cut in the same way, again and
    again, until no character is left."""
    for end in range(len(word), 0, -1):
        if word[:end] in vocabulary:
            rest = "##" + word[end:]
            return [word[:end], rest] if rest in vocabulary else [word[:end]]
    return ["[UNK]"]


@longest_match.mistake
def unmarked_pieces_where_no_marked_one_fits(word, vocabulary):
    """Inside a word you also accept a piece without its mark. There only the form with the mark will do: the other
    begins a word."""
    return _matched(word, vocabulary | {"##" + token for token in vocabulary}, unmark=vocabulary)


@longest_match.mistake
def the_longest_anywhere(word, vocabulary):
    """You look for the longest token anywhere in the word first, and then cut what is left of it and right of it.
    WordPiece goes from left to right."""

    def cut(first, last):
        for length in range(last - first, 0, -1):
            for at in range(first, last - length + 1):
                token = ("##" if at else "") + word[at : at + length]
                if token in vocabulary:
                    left, right = cut(first, at), cut(at + length, last)
                    return None if left is None or right is None else [*left, token, *right]
        return None if last > first else []

    return cut(0, len(word)) or ["[UNK]"]


@longest_match.mistake
def the_whole_rest_never_tried(word, vocabulary):
    """You begin with one character less than what is left, so the whole rest is never tried. Where does `range` begin,
    and where does a slice end?"""
    tokens, i = [], 0
    while i < len(word):
        fitting = [
            word[i:end] for end in range(len(word) - 1, i, -1) if ("##" if i else "") + word[i:end] in vocabulary
        ]
        if not fitting:
            return ["[UNK]"]
        tokens.append(("##" if i else "") + fitting[0])
        i += len(fitting[0])
    return tokens


@longest_match.mistake
def the_first_piece_marked(word, vocabulary):
    """You mark the first piece as well. The mark says that a piece *continues* a word."""
    found = longest_match(word, vocabulary)
    return found if found == ["[UNK]"] else ["##" + found[0], *found[1:]]


@longest_match.mistake
def unknown_pieces_one_by_one(word, vocabulary):
    """Where nothing fits you write the mark for "unknown" and go on after one character. WordPiece gives up on the
    whole word: one token says that it is unknown."""
    tokens, i = [], 0
    while i < len(word):
        mark = "##" if i else ""
        end = next((end for end in range(len(word), i, -1) if mark + word[i:end] in vocabulary), None)
        tokens.append(mark + word[i:end] if end else "[UNK]")
        i = end or i + 1
    return tokens


per_character = Question(
    "03.per_character",
    6 / math.log(2) / 4,
    hint="Two changes of unit: from nats to bits, and from one token to one of the characters in it.",
    mistakes={
        6 / 4: "That is nats per character. One bit is ln 2 nats: are there more bits or fewer?",
        6 / math.log(2): "That is bits per token. A token here holds several characters.",
        6 * math.log(2) / 4: "You multiplied by ln 2. A bit is the smaller unit, so there must be more of them.",
        6 / math.log(2) * 4: "You multiplied by the characters in a token. They share what the token costs.",
        math.exp(6 / 4): "That is a perplexity per character. The bits are its logarithm to base 2.",
        math.exp(6) / 4: "You began with the perplexity. Perplexities cannot be divided among characters; costs can.",
        24: "You multiplied by the characters in a token. They share what the token costs, and the unit is still nats.",
        math.log2(6) / 4: "You took the logarithm of the nats. They are a logarithm already: how many bits is one nat?",
        math.log2(math.exp(6) / 4): "You divided the perplexity among the characters. Divide the cost instead.",
        2**6
        / 4: "You raised 2 to the number of nats. Six nats are a cost, a logarithm already: how many bits is one nat?",
        2 ** (6 / 4): "You raised 2 to the nats per character. That is no cost: how many bits is one nat?",
        6 / 16: "You divided by four twice, and the unit is still nats.",
        6 / math.log(2) / 16: "You divided by the characters in a token twice.",
        6 / math.log10(2) / 4: "You took the logarithm to base 10 for the natural one. One bit is ln 2 nats.",
        math.exp(
            6
        ): "That is a perplexity per token. The bits are its logarithm to base 2, shared among the characters.",
        6 * math.log(2): "You multiplied by ln 2, and this is still per token. A bit is the smaller unit.",
        6: "That is what one token costs, in nats. The question changes both units.",
    },
)


def pieces_with_counts(generator):
    """Pieces with how often each occurs, in an order that is neither by count nor by letter, and numbers of merges."""
    yield {"ab": 1}, 3
    yield {"aaab": 2}, 2  # from the left
    yield {"abab": 3, "ac": 1}, 2  # a new id counts from 256
    yield {"bc": 2, "ab": 2}, 1
    yield {"ba": 2, "bc": 2}, 2
    yield {"é": 3, "e": 1}, 1
    yield {"aaa": 2, "xy": 3}, 1
    yield {"aaa": 3, "xy": 1}, 2  # three alike are merged from the left
    yield {"abab": 2, "b": 5}, 3
    yield {"zy": 1, "my": 1, "me": 5}, 2
    yield {" he": 5, " then": 2, " the": 4}, 4
    yield {"我": 2, "你们": 2, "我们": 3}, 5
    yield {"low": 5, "lower": 2, "newest": 6, "widest": 3}, 10


@exercise("03.lab_train_bpe", inputs=pieces_with_counts)
def train_bpe(counts, n_merges):
    """From bytes, merge the commonest pair of ids; on a tie the smaller one."""
    return _trained(counts, n_merges)


def _trained(
    counts, n_merges, *, units=str.encode, choose=None, choose_by_text=None, places=None, join=None, first=256
):
    cut = {piece: list(units(piece)) for piece in counts}
    texts = {i: bytes([i]) for i in range(256)}
    merges = []
    for new in range(first, first + n_merges):
        pairs = Counter()
        for piece, times in counts.items():
            for pair in pairwise(cut[piece]):
                pairs[pair] += times
        if not pairs:
            break
        if choose_by_text:
            best = choose_by_text(pairs, texts)
            texts[new] = texts[best[0]] + texts[best[1]]
        else:
            best = choose(pairs) if choose else min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        cut = {
            piece: join(ids, best, new) if join else _with_one_id(ids, best, new, places) for piece, ids in cut.items()
        }
    return merges


def _with_one_id(ids, pair, new, places=None):
    done, i, joined = [], 0, 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair and joined != places:
            done.append(new)
            i, joined = i + 2, joined + 1
        else:
            done.append(ids[i])
            i += 1
    return done


@train_bpe.mistake
def each_piece_counted_once(counts, n_merges):
    """You count each piece once. A piece that occurs five times holds each of its pairs five times as often."""
    return _trained(dict.fromkeys(counts, 1), n_merges)


@train_bpe.mistake
def characters_in_place_of_bytes(counts, n_merges):
    """You start from characters. Ids 0 to 255 are bytes, and a character outside ASCII is several of them: what does
    `piece.encode()` give?"""
    return _trained(counts, n_merges, units=lambda piece: map(ord, piece))


@train_bpe.mistake
def a_tie_goes_to_the_pair_that_was_met_first(counts, n_merges):
    """Of equally common pairs you take the one that you met first, as `Counter.most_common` and `max` do. Then the
    merges depend on the order of the text. The rule here: the smaller left id, and then the smaller right id."""
    return _trained(counts, n_merges, choose=lambda pairs: max(pairs, key=pairs.get))


@train_bpe.mistake
def a_tie_goes_to_the_larger_ids(counts, n_merges):
    """Of equally common pairs you take the one with the larger ids, as `max` over (count, pair) does. The rule here:
    the smaller left id, and then the smaller right id."""
    return _trained(counts, n_merges, choose=lambda pairs: max(pairs, key=lambda pair: (pairs[pair], pair)))


@train_bpe.mistake
def pairs_counted_only_before_the_first_merge(counts, n_merges):
    """You count the pairs once and take the commonest of them. A merge makes a new token, and removes pairs that it
    joined, so the pairs must be counted again after every merge."""
    pairs = Counter()
    for piece, times in counts.items():
        for pair in pairwise(piece.encode()):
            pairs[pair] += times
    return sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:n_merges]


@train_bpe.mistake
def merged_at_one_place_in_a_piece(counts, n_merges):
    """You merge the pair at one place in each piece. It is merged wherever it stands."""
    return _trained(counts, n_merges, places=1)


@train_bpe.mistake
def pairs_that_occur_once_left_alone(counts, n_merges):
    """You stop when no pair occurs twice. The exercise asks you to stop only when no pair is left."""
    merges = []
    for rounds in range(1, n_merges + 1):
        found = train_bpe(counts, rounds)
        if len(found) < rounds or _times(counts, found) < 2:
            break
        merges = found
    return merges


def _times(counts, merges):
    """How often the pair of the last merge stands in the text when it is merged."""
    cut = {piece: list(piece.encode()) for piece in counts}
    for new, pair in enumerate(merges[:-1], 256):
        cut = {piece: _with_one_id(ids, pair, new) for piece, ids in cut.items()}
    return sum(times * list(pairwise(cut[piece])).count(merges[-1]) for piece, times in counts.items())


@train_bpe.mistake
def the_merges_taken_for_the_size_of_the_vocabulary(counts, n_merges):
    """You make too few merges, or none: you subtract the 256 bytes. `n_merges` is the number of merges, not the size of
    the vocabulary."""
    return _trained(counts, max(0, n_merges - 256))


@train_bpe.mistake
def merges_across_the_ends_of_pieces(counts, n_merges):
    """You join the pieces into one text and merge across their ends. No merge reaches from one piece into the next."""
    joined = "".join(piece * times for piece, times in counts.items())
    return _trained({joined: 1}, n_merges)


@train_bpe.mistake
def the_merged_tokens_in_place_of_the_pairs(counts, n_merges):
    """You return the new ids. A merge is the pair of ids from which a new token is made."""
    return [256 + i for i in range(len(train_bpe(counts, n_merges)))]


@train_bpe.mistake
def merged_from_the_right(counts, n_merges):
    """You merge from the right end of a piece. In "aaa" it matters which two are joined: the exercise goes from left to
    right."""
    return _trained(counts, n_merges, join=lambda ids, pair, new: _with_one_id(ids[::-1], pair[::-1], new)[::-1])


@train_bpe.mistake(first=["255", "257"])
def new_ids_from_another_number(counts, n_merges, *, first):
    """Your new ids begin with {first}. Bytes have the ids 0 to 255, so which is the first that is free?"""
    return _trained(counts, n_merges, first=int(first))


@train_bpe.mistake
def a_tie_goes_to_the_smaller_text(counts, n_merges):
    """Of equally common pairs you take the one whose *text* comes first. The rule here compares ids: the smaller left
    id, and then the smaller right id; a merged token has a large id, whatever its text."""

    def choose(pairs, texts):
        return min(pairs, key=lambda pair: (-pairs[pair], texts[pair[0]], texts[pair[1]]))

    return _trained(counts, n_merges, choose_by_text=choose)


@train_bpe.mistake
def texts_in_place_of_ids(counts, n_merges):
    """You return the texts, or the bytes, of the two tokens. The answer is a list of pairs of *ids*."""
    texts, merges = {i: bytes([i]) for i in range(256)}, []
    for new, (left, right) in enumerate(train_bpe(counts, n_merges), 256):
        merges.append((texts[left], texts[right]))
        texts[new] = texts[left] + texts[right]
    return merges


@train_bpe.mistake
def the_counts_returned_too(counts, n_merges):
    """You return more than the merges: how often each pair stood in the text is not asked for."""
    merges = train_bpe(counts, n_merges)
    return [(pair, _times(counts, merges[: i + 1])) for i, pair in enumerate(merges)]


@train_bpe.mistake
def one_merge_too_few(counts, n_merges):
    """You make one merge less than `n_merges`. How often does your loop run?"""
    return train_bpe(counts, n_merges - 1)
