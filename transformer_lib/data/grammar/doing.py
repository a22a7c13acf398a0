"""Frames that say what somebody has, likes or does; the docstring of each is one of its sentences."""

from collections.abc import Iterator
from itertools import chain, product

from transformer_lib.data.grammar import lexicon
from transformer_lib.data.grammar.clauses import Meeting, Pair, people_apart
from transformer_lib.data.grammar.lexicon import LIKE, NOUNS, SUBJECTS, Times
from transformer_lib.data.grammar.phrases import Phrase, counted, described
from transformer_lib.data.grammar.words import Noun, Subject, Verb


def acquaintances(frame: str) -> Iterator[Pair]:
    """她认识他们: She knows them."""
    for (s, o), verb in product(people_apart(), lexicon.PEOPLE_VERBS):
        rest, finite = f"{verb.base} {o.as_object}", f"{verb.present(s)} {o.as_object}"
        chinese, negative = f"{s.chinese}{verb.chinese}{o.chinese}", f"{s.chinese}不{verb.chinese}{o.chinese}"
        yield from Meeting(frame, s, o.chinese).moods(chinese, negative, s.do, rest, finite)


def possessions(frame: str) -> Iterator[Pair]:
    """我妈妈有一把旧雨伞: My mother has an old umbrella."""
    have = lexicon.HAVE
    for s, noun in product(SUBJECTS, map(NOUNS.__getitem__, lexicon.OWNED)):
        meeting = Meeting(frame, s, noun.chinese)
        for thing in chain(counted(noun, "一两三四些"), described(noun, "一两")):
            yield meeting.statement(f"{s.chinese}有{thing.chinese}", f"{have.present(s)} {thing.english}")
        yield meeting.negation(f"{s.chinese}没有{noun.chinese}", s.do, f"have any {noun.generic}")
        yield from meeting.question(f"{s.chinese}有{noun.chinese}", s.do, f"have any {noun.generic}")


def wants(frame: str) -> Iterator[Pair]:
    """安娜想要两杯茶: Anna wants two cups of tea."""
    want = lexicon.WANT
    for s, noun in product(SUBJECTS, map(NOUNS.__getitem__, lexicon.BOUGHT)):
        meeting = Meeting(frame, s, noun.chinese)
        for thing in chain(counted(noun, "一两三四些"), described(noun, "一")):
            yield meeting.statement(f"{s.chinese}想要{thing.chinese}", f"{want.present(s)} {thing.english}")
        for thing in counted(noun, "一两三"):
            yield from meeting.question(f"{s.chinese}想要{thing.chinese}", s.do, f"want {thing.english}")
        yield meeting.negation(f"{s.chinese}不想要{noun.chinese}", s.do, f"want any {noun.generic}")


def likings(frame: str) -> Iterator[Pair]:
    """他姐姐很喜欢猫: His sister likes cats very much."""
    for s, noun in product(SUBJECTS, map(NOUNS.__getitem__, lexicon.LIKED)):
        meeting, things = Meeting(frame, s, noun.chinese), noun.generic
        chinese, negative = f"{s.chinese}喜欢{noun.chinese}", f"{s.chinese}不喜欢{noun.chinese}"
        yield from meeting.moods(chinese, negative, s.do, f"like {things}", f"{LIKE.present(s)} {things}")
        yield meeting.statement(f"{s.chinese}很喜欢{noun.chinese}", f"{LIKE.present(s)} {things} very much")


def past_actions(frame: str) -> Iterator[Pair]:
    """昨天你没喝牛奶: You did not drink any milk yesterday."""
    for s, verb, noun, meeting in _actions(frame):
        for time, when in _times(noun, lexicon.PAST):
            did = f"{time}{s.chinese}{verb.chinese}了"
            for thing in chain(counted(noun, "一两三些"), _of_a_kind(verb, noun)):
                yield meeting.statement(did + thing.chinese, f"{verb.past} {thing.english} {when}")
            for thing in chain(counted(noun, "一"), _of_a_kind(verb, noun)):
                yield from meeting.question(did + thing.chinese, "did", f"{verb.base} {thing.english} {when}")
            did_not, rest = f"{time}{s.chinese}没{verb.chinese}{noun.chinese}", f"{verb.base} any {noun.generic} {when}"
            yield meeting.negation(did_not, "did", rest)


def future_actions(frame: str) -> Iterator[Pair]:
    """明天大卫会写三封信: David will write three letters tomorrow."""
    for s, verb, noun, meeting in _actions(frame):
        for time, when in _times(noun, lexicon.FUTURE):
            will = f"{time}{s.chinese}会{verb.chinese}"
            for thing in counted(noun, "一两三些"):
                yield meeting.statement(will + thing.chinese, f"will {verb.base} {thing.english} {when}")
            for thing in counted(noun, "一两三"):
                yield from meeting.question(will + thing.chinese, "will", f"{verb.base} {thing.english} {when}")
            will_not = f"{time}{s.chinese}不会{verb.chinese}{noun.chinese}"
            yield meeting.negation(will_not, "will", f"{verb.base} any {noun.generic} {when}")


def actions_now(frame: str) -> Iterator[Pair]:
    """我的朋友正在看一部新电影: My friend is watching a new film."""
    for s, verb, noun, meeting in _actions(frame):
        if verb not in (lexicon.BUY, lexicon.SELL):
            numbers = "一些" if verb in (lexicon.EAT, lexicon.DRINK) else "一"
            for thing in chain(counted(noun, numbers), _of_a_kind(verb, noun)):
                chinese, rest = f"{s.chinese}正在{verb.chinese}{thing.chinese}", f"{verb.ing} {thing.english}"
                yield meeting.statement(chinese, f"{s.be} {rest}")
                yield from meeting.question(chinese, s.be, rest)


def habits(frame: str) -> Iterator[Pair]:
    """汤姆每天吃一个苹果: Tom eats an apple every day."""
    for s, verb, noun, meeting in _actions(frame):
        if verb in (lexicon.EAT, lexicon.DRINK):
            for thing in counted(noun, "一两三"):
                often = f"{s.chinese}每天{verb.chinese}{thing.chinese}"
                yield meeting.statement(often, f"{verb.present(s)} {thing.english} every day")
                yield from meeting.question(often, s.do, f"{verb.base} {thing.english} every day")
            never = f"{s.chinese}不{verb.chinese}{noun.chinese}"
            yield meeting.negation(never, s.do, f"{verb.base} {noun.generic}")


def activities(frame: str) -> Iterator[Pair]:
    """她喜欢弹钢琴: She likes playing the piano."""
    for s, act in product(SUBJECTS, lexicon.ACTIVITIES):
        meeting = Meeting(frame, s, act.chinese)
        can, likes, wants = (f"{s.chinese}{verb}{act.chinese}" for verb in ("会", "喜欢", "想"))
        not_can, not_likes, not_wants = (f"{s.chinese}不{verb}{act.chinese}" for verb in ("会", "喜欢", "想"))
        yield from meeting.moods(can, not_can, "can", act.base)
        yield from meeting.moods(likes, not_likes, s.do, f"like {act.ing}", f"{LIKE.present(s)} {act.ing}")
        want = f"{lexicon.WANT.present(s)} to {act.base}"
        yield from meeting.moods(wants, not_wants, s.do, f"want to {act.base}", want)
        yield meeting.statement(f"{s.chinese}正在{act.chinese}", f"{s.be} {act.ing}")
        yield from meeting.question(f"{s.chinese}正在{act.chinese}", s.be, act.ing)


def journeys(frame: str) -> Iterator[Pair]:
    """上周李华去了北京: Li Hua went to Beijing last week."""
    go = lexicon.GO
    for s, place in product(SUBJECTS, (place for place in lexicon.PLACES if place.to)):
        meeting, p, to = Meeting(frame, s, place.chinese), place.chinese, place.to
        for time, when in lexicon.PAST:
            went, not_gone = f"{time}{s.chinese}去了{p}", f"{time}{s.chinese}没去{p}"
            yield from meeting.moods(went, not_gone, "did", f"go {to} {when}", f"{go.past} {to} {when}")
        for time, when in lexicon.FUTURE:
            will, will_not = f"{time}{s.chinese}会去{p}", f"{time}{s.chinese}不会去{p}"
            yield from meeting.moods(will, will_not, "will", f"go {to} {when}")
        wants, not_wants = f"{s.chinese}想去{p}", f"{s.chinese}不想去{p}"
        want = lexicon.WANT.present(s)
        yield from meeting.moods(wants, not_wants, s.do, f"want to go {to}", f"{want} to go {to}")
        yield meeting.statement(f"{s.chinese}每天去{p}", f"{go.present(s)} {to} every day")
        yield from meeting.question(f"{s.chinese}每天去{p}", s.do, f"go {to} every day")


def _actions(frame: str) -> Iterator[tuple[Subject, Verb, Noun, Meeting]]:
    for s, (verb, things) in product(SUBJECTS, lexicon.ACTIONS):
        for noun in map(NOUNS.__getitem__, things):
            yield s, verb, noun, Meeting(frame, s, noun.chinese)


def _times(noun: Noun, times: Times) -> Times:
    """Return when: a day, or also a week if it is about something that lasts."""
    return times if noun.chinese in lexicon.LASTING_THINGS else times[:1]


def _of_a_kind(verb: Verb, noun: Noun) -> tuple[Phrase, ...]:
    """Return a thing of each kind, unless the verb makes it: nobody writes an old book."""
    return described(noun, "" if verb in (lexicon.WRITE, lexicon.DRAW) else "一")


RULES = (
    acquaintances,
    possessions,
    wants,
    likings,
    past_actions,
    future_actions,
    actions_now,
    habits,
    activities,
    journeys,
)
