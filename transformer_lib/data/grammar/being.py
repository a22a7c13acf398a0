"""Frames that say what somebody or something is, and where; the docstring of each is one of its sentences."""

from collections.abc import Iterator
from itertools import chain, product

from transformer_lib.data.grammar import lexicon
from transformer_lib.data.grammar.clauses import NEGATION, Meeting, Pair, people_apart
from transformer_lib.data.grammar.lexicon import NOUNS, SUBJECTS
from transformer_lib.data.grammar.phrases import article, counted, described, pointed_at
from transformer_lib.data.grammar.words import Subject


def professions(frame: str) -> Iterator[Pair]:
    """我是一名工程师: I am an engineer."""
    for s, (job, names) in product(SUBJECTS, lexicon.PROFESSIONS.items()):
        meeting = Meeting(frame, s, job)
        name, one = (names[1], "") if s.plural else (article(names[0]), "一名")
        yield meeting.statement(f"{s.chinese}是{one}{job}", f"{s.be} {name}")
        yield meeting.negation(f"{s.chinese}不是{job}", s.be, name)
        yield from meeting.question(f"{s.chinese}是{job}", s.be, name)


def former_professions(frame: str) -> Iterator[Pair]:
    """她以前是一名演员: She used to be an actor."""
    for s, (job, names) in product(SUBJECTS, lexicon.PROFESSIONS.items()):
        name, one = (names[1], "") if s.plural else (article(names[0]), "一名")
        yield Meeting(frame, s, job).statement(f"{s.chinese}以前是{one}{job}", f"used to be {name}")


def wished_professions(frame: str) -> Iterator[Pair]:
    """他们想当医生: They want to be doctors."""
    for s, (job, names) in product(SUBJECTS, lexicon.PROFESSIONS.items()):
        meeting, name = Meeting(frame, s, job), names[1] if s.plural else article(names[0])
        wish, no_wish = f"{s.chinese}想当{job}", f"{s.chinese}不想当{job}"
        yield from meeting.moods(wish, no_wish, s.do, f"want to be {name}", f"{lexicon.WANT.present(s)} to be {name}")


def nationalities(frame: str) -> Iterator[Pair]:
    """你们不是中国人: You are not Chinese."""
    for s, (nation, name) in product(SUBJECTS, lexicon.NATIONS.items()):
        meeting = Meeting(frame, s, nation)
        yield from meeting.moods(f"{s.chinese}是{nation}人", f"{s.chinese}不是{nation}人", s.be, name)


def states(frame: str) -> Iterator[Pair]:
    """昨天玛丽很累: Mary was tired yesterday."""
    for s, (state, name) in product(SUBJECTS, {**lexicon.PASSING, **lexicon.LASTING}.items()):
        meeting = Meeting(frame, s, state)
        yield meeting.statement(f"{s.chinese}很{state}", f"{s.be} {name}")
        yield meeting.statement(f"{s.chinese}非常{state}", f"{s.be} very {name}")
        yield meeting.negation(f"{s.chinese}不{state}", s.be, name)
        yield from meeting.question(f"{s.chinese}{state}", s.be, name)
        if state in lexicon.PASSING:
            yield meeting.statement(f"昨天{s.chinese}很{state}", f"{s.were} {name} yesterday")
            yield meeting.negation(f"昨天{s.chinese}不{state}", s.were, f"{name} yesterday")
            yield from meeting.question(f"昨天{s.chinese}{state}", s.were, f"{name} yesterday")


def qualities(frame: str) -> Iterator[Pair]:
    """那两本书很贵: Those two books are expensive."""
    for quality, things in lexicon.QUALITY_OF.items():
        for noun in map(NOUNS.__getitem__, things):
            for phrase, several in pointed_at(noun):
                s = Subject(phrase.chinese, phrase.english, "", 3, several)
                meeting, name = Meeting(frame, s, quality, head=noun.chinese), lexicon.QUALITIES[quality]
                yield meeting.statement(f"{s.chinese}很{quality}", f"{s.be} {name}")
                no = "没" if quality.startswith("有") else "不"
                yield meeting.negation(f"{s.chinese}{no}{quality}", s.be, name)
                yield from meeting.question(f"{s.chinese}{quality}", s.be, name)


def comparisons(frame: str) -> Iterator[Pair]:
    """我没有他高: I am not as tall as him."""
    for (s, o), (state, (name, more)) in product(people_apart(), lexicon.COMPARATIVES.items()):
        meeting = Meeting(frame, s, o.chinese)
        yield meeting.statement(f"{s.chinese}比{o.chinese}{state}", f"{s.be} {more} than {o.as_object}")
        yield meeting.negation(f"{s.chinese}没有{o.chinese}{state}", s.be, f"as {name} as {o.as_object}")
        yield from meeting.question(f"{s.chinese}比{o.chinese}{state}", s.be, f"{more} than {o.as_object}")


def whereabouts(frame: str) -> Iterator[Pair]:
    """昨天我们不在家: We were not at home yesterday."""
    for s, place in product(SUBJECTS, lexicon.PLACES):
        meeting = Meeting(frame, s, place.chinese)
        at, not_at = f"{s.chinese}在{place.chinese}", f"{s.chinese}不在{place.chinese}"
        yield from meeting.moods(at, not_at, s.be, place.at)
        for time, when in (("昨天", "yesterday"), ("今天", "today")):
            be = s.were if time == "昨天" else s.be
            yield from meeting.moods(time + at, time + not_at, be, f"{place.at} {when}")
        for time, when in lexicon.FUTURE:
            will, will_not = (f"{time}{s.chinese}{word}在{place.chinese}" for word in ("会", "不会"))
            yield from meeting.moods(will, will_not, "will", f"be {place.at} {when}")


def existences(frame: str) -> Iterator[Pair]:
    """桌子上有一瓶水: There is a bottle of water on the table."""
    for spot, things in lexicon.SPOTS:
        for noun in map(NOUNS.__getitem__, things):
            there = Subject("", "there", "", 3, False)
            for thing in chain(counted(noun, "一两三四些"), described(noun, "一两")):
                one = thing.english.startswith(("a ", "an ")) or thing.english == f"some {noun.mass}"
                meeting = Meeting(frame, there, noun.chinese, head=spot.chinese)
                be = "is" if one else "are"
                yield meeting.statement(f"{spot.chinese}有{thing.chinese}", f"{be} {thing.english} {spot.at}")
            be = "is" if noun.mass else "are"
            none = f"{be} no {noun.generic} {spot.at}"
            yield Pair(f"{spot.chinese}没有{noun.chinese}", f"There {none}.", frame, NEGATION, meeting.combinations)
            yield from meeting.question(f"{spot.chinese}有{noun.chinese}", be, f"any {noun.generic} {spot.at}")


RULES = (
    professions,
    former_professions,
    wished_professions,
    nationalities,
    states,
    qualities,
    comparisons,
    whereabouts,
    existences,
)
