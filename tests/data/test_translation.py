import hashlib
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from transformer_lib.data import pronunciation, translation
from transformer_lib.data.grammar import FRAMES, NEGATION, QUESTION
from transformer_lib.data.grammar.lexicon import NAMES
from transformer_lib.data.translation import balanced, detokenise, split_of, words

SETS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def corpus():
    return translation.load()


@pytest.fixture(scope="module")
def everything(corpus):
    return (*corpus.train, *corpus.validation, *corpus.test, *corpus.longer)


@pytest.fixture(scope="module")
def english(everything):
    """Return the translation of each Chinese sentence."""
    return {pair.chinese: pair.english for pair in everything}


# --- what the languages ask for


@pytest.mark.parametrize(
    "pair",
    """我是一名工程师: I am an engineer.
    我们是工程师: We are engineers.
    你是医生吗: Are you a doctor?
    你们是医生吗: Are you doctors?
    她不是律师: She is not a lawyer.
    她想当演员: She wants to be an actor.
    他们不想当演员: They do not want to be actors.
    安娜以前是一名会计: Anna used to be an accountant.
    我妈妈是法国人: My mother is French.
    她很高兴: She is happy.
    你高兴吗: Are you happy?
    昨天我们不累: We were not tired yesterday.
    昨天我很累: I was tired yesterday.
    这本书很贵: This book is expensive.
    那些苹果便宜吗: Are those apples cheap?
    这两杯茶不热: These two cups of tea are not hot.
    这本书没有意思: This book is not interesting.
    我没有他高: I am not as tall as him.
    他比我强壮吗: Is he stronger than me?
    她认识我们: She knows us.
    我们不认识她: We do not know her.
    你有一把旧雨伞: You have an old umbrella.
    她有一把雨伞: She has an umbrella.
    他没有雨伞: He does not have any umbrellas.
    她没有牛奶: She does not have any milk.
    安娜想要两杯茶: Anna wants two cups of tea.
    安娜想要三杯牛奶: Anna wants three glasses of milk.
    你想要一个橙子吗: Do you want an orange?
    我有一些面包: I have some bread.
    他很喜欢猫: He likes cats very much.
    大卫喜欢咖啡吗: Does David like coffee?
    昨天她写了两封信: She wrote two letters yesterday.
    昨天她没写信: She did not write any letters yesterday.
    上周你买了一辆汽车吗: Did you buy a car last week?
    明天他会喝一瓶水: He will drink a bottle of water tomorrow.
    他正在看一份报纸: He is reading a newspaper.
    他正在看一部新电影: He is watching a new film.
    他们正在看一张照片: They are looking at a photo.
    汤姆每天吃一个苹果: Tom eats an apple every day.
    她不喝咖啡: She does not drink coffee.
    她会弹钢琴: She can play the piano.
    我不会游泳: I cannot swim.
    你会游泳吗: Can you swim?
    他喜欢骑马: He likes riding a horse.
    她想唱歌: She wants to sing.
    你在家吗: Are you at home?
    明天我不会在学校: I will not be at school tomorrow.
    昨天你们去了公园: You went to the park yesterday.
    昨天李华没去北京: Li Hua did not go to Beijing yesterday.
    公园里有三只猫: There are three cats in the park.
    桌子上有一瓶水: There is a bottle of water on the table.
    桌子上有水吗: Is there any water on the table?
    厨房里没有鸡蛋: There are no eggs in the kitchen.""".splitlines(),
)
def test_known_translations(english, pair):
    chinese, _, translated = pair.strip().partition(": ")
    assert english[chinese] == translated


def test_the_example_of_each_frame_is_one_of_its_sentences(everything):
    made = {(pair.frame, pair.chinese, pair.english) for pair in everything}
    for frame, rule in FRAMES.items():
        chinese, _, translated = rule.__doc__.partition(": ")
        assert (frame, chinese, translated) in made


def test_articles_agree_with_how_words_are_pronounced(everything):
    """An goes before a vowel sound: the pronouncing dictionary knows which words begin with one."""
    splits = pronunciation.load()
    dictionary = {**splits.train, **splits.validation, **splits.test}
    articles = {match for pair in everything for match in re.findall(r"\b(an?) (\w+)", pair.english, re.IGNORECASE)}
    assert len(articles) > 50
    for article, word in articles:
        vowel = dictionary[word.lower()][0][0][0] in "AEIOU"
        assert (article.lower() == "an") == vowel, (article, word)


def test_verbs_agree_with_their_subjects(everything):
    """Whatever follows a subject directly, in any frame, suits its person and number."""
    forms = {
        "I": {"am", "was", "have", "want", "like", "do"},
        "He": {"is", "was", "has", "wants", "likes", "does"},
        "They": {"are", "were", "have", "want", "like", "do"},
        "You": {"are", "were", "have", "want", "like", "do"},
    }
    forms["She"] = forms["He"]
    forms["We"] = forms["They"]
    inflected = set.union(*forms.values())
    for pair in everything:
        subject, verb, *_ = pair.english.rstrip(".?").split()
        if subject in forms and verb in inflected:
            assert verb in forms[subject], pair
        if subject in ("Am", "Is", "Are", "Was", "Were", "Do", "Does") and verb.capitalize() in forms:
            assert subject.lower() in forms[verb.capitalize()], pair


def test_sentences_look_like_sentences(everything):
    names = {part for name in NAMES for part in name.english.split()} | {"Beijing", "London", "English", "I"}
    names |= {"Chinese", "American", "British", "French", "Italian", "Japanese"}
    for pair in everything:
        assert re.fullmatch(r"[A-Z][A-Za-z]*(,? [A-Za-z]+)*[.?]", pair.english), pair
        assert re.fullmatch(r"[\u4e00-\u9fff]+(，[\u4e00-\u9fff]+)*", pair.chinese), pair
        assert (pair.mood == QUESTION) == pair.english.endswith("?") == pair.chinese.endswith("吗"), pair
        capitals = set(re.findall(r" ([A-Z]\w*)", pair.english))
        assert capitals <= names, pair
    negatives = {"not", "cannot", "no"}
    assert all((pair.mood == NEGATION) == bool(negatives & set(pair.english.split())) for pair in everything)


# --- the corpus


def test_a_chinese_sentence_has_one_translation_and_comes_once(everything):
    assert max(Counter(pair.chinese for pair in everything).values()) == 1


def test_several_chinese_sentences_may_have_one_translation(english):
    assert english["他们很高兴"] == english["她们很高兴"] == "They are happy."


def test_the_counts_that_the_docstring_gives(corpus):
    sizes = {name: len(getattr(corpus, name)) for name in vars(corpus)}
    assert sizes == {"train": 58_933, "validation": 3_693, "test": 3_343, "longer": 1_000}
    of_one_clause = {name: {p.combinations for p in getattr(corpus, name) if len(p.combinations) == 1} for name in SETS}
    assert {name: len(found) for name, found in of_one_clause.items()} == {
        "train": 1826,
        "validation": 105,
        "test": 107,
    }
    chinese, english = translation.vocabularies()
    assert (chinese.vocab_size, english.vocab_size) == (247 + 3, 313 + 3)
    assert max(len(pair.chinese) for pair in corpus.train) == 16
    assert max(len(words(pair.english)) for pair in corpus.train) == 15


def test_the_corpus_is_the_same_everywhere(corpus, everything):
    """Another process, with another seed for the hashes of strings, writes the same sentences in the same order."""
    code = (
        "import hashlib; from transformer_lib.data import translation as t; c = t.load();"
        "lines = [f'{p}' for p in (*c.train, *c.validation, *c.test, *c.longer)];"
        "print(hashlib.sha256('\\n'.join(lines).encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = hashlib.sha256("\n".join(f"{pair}" for pair in everything).encode()).hexdigest()
    assert done.stdout.strip() == here


# --- the split


def combinations(pairs):
    return {combination for pair in pairs for combination in pair.combinations}


def test_the_sets_share_no_combination_and_no_sentence(corpus):
    for i, name in enumerate(SETS):
        for other in SETS[:i]:
            here, there = getattr(corpus, name), getattr(corpus, other)
            assert not combinations(here) & combinations(there)
            assert not {pair.chinese for pair in here} & {pair.chinese for pair in there}


def test_no_training_sentence_holds_both_parts_of_a_held_out_combination(corpus):
    """Looked for in the text itself, by the longest parts that fit, whatever the pairs say of their combinations."""
    held_out = combinations((*corpus.validation, *corpus.test))
    parts = {part for combination in held_out | combinations(corpus.train) for part in combination}
    part = re.compile("相信|" + "|".join(sorted(parts, key=len, reverse=True)))  # in the verb, 信 is no letter
    for pair in corpus.train:
        for clause in pair.chinese.split("，"):
            subject, *contents = part.findall(clause)
            assert contents, pair
            assert not held_out & {(subject, content) for content in contents}, pair


@pytest.mark.parametrize("name", ["validation", "test"])
def test_the_parts_of_what_is_held_out_occur_in_training_in_the_same_frame_and_mood(corpus, name):
    def parts(pairs):
        return {
            (pair.frame, pair.mood, side, combination[side])
            for pair in pairs
            for combination in pair.combinations
            for side in (0, 1)
        }

    assert parts(getattr(corpus, name)) <= parts(corpus.train)
    chinese, english = translation.vocabularies()
    for pair in getattr(corpus, name):  # raises if a token was not in training
        chinese.encode(pair.chinese)
        english.encode(words(pair.english))


def test_every_frame_is_in_every_set(corpus):
    expected = {*FRAMES, "two clauses"}
    assert all({pair.frame for pair in getattr(corpus, name)} == expected for name in SETS)


def test_i_am_an_engineer_is_held_out_in_every_form(corpus):
    found = {pair.chinese: pair.english for pair in corpus.test if pair.combinations == (("我", "工程师"),)}
    assert found == {
        "我是一名工程师": "I am an engineer.",
        "我不是工程师": "I am not an engineer.",
        "我以前是一名工程师": "I used to be an engineer.",
        "我想当工程师": "I want to be an engineer.",
        "我不想当工程师": "I do not want to be an engineer.",
    }
    assert not any("engineer" in pair.english and pair.chinese.startswith("我是") for pair in corpus.train)


def test_the_split_is_the_same_everywhere():
    digest = "f6852406dac537dd4113fb420438e098"  # printf '我 工程师' | md5sum
    assert int(digest, 16) % 20 == 4
    assert split_of(("我", "工程师")) == "test"


def test_longer_sentences_are_longer_and_made_of_training_clauses(corpus):
    known = {pair.chinese for pair in corpus.train}
    longest = max(len(pair.chinese) for pair in corpus.train), max(len(words(pair.english)) for pair in corpus.train)
    assert Counter(pair.frame for pair in corpus.longer) == {"three clauses": 500, "four clauses": 500}
    for pair in corpus.longer:
        assert len(pair.chinese) > longest[0]
        assert len(words(pair.english)) > longest[1]
        clauses = pair.chinese.split("，")
        assert set(clauses) <= known
        assert len(clauses) == {"three clauses": 3, "four clauses": 4}[pair.frame] == len(pair.combinations)


def test_joining_keeps_what_each_clause_says(corpus, english):
    for pair in (*corpus.longer, *(pair for pair in corpus.test if pair.frame == "two clauses")):
        parts = re.split(r", and |, ", pair.english.removesuffix("."))
        again = [part[0].upper() + part[1:] + "." for part in parts]
        assert again == [english[clause] for clause in pair.chinese.split("，")]


# --- tokens and batches


def test_tokens_come_back(corpus):
    chinese, english = translation.vocabularies()
    for pair in (*corpus.test, *corpus.longer):
        assert "".join(chinese.decode(chinese.encode(translation.characters(pair.chinese)))) == pair.chinese
        assert detokenise(english.decode(english.encode(words(pair.english), add_special_tokens=True))) == pair.english


def test_words_part_the_punctuation():
    assert words("I am here, and she is not.") == "I am here , and she is not .".split()
    assert translation.characters("我是") == ["我", "是"]


def test_a_balanced_draw_has_every_frame_and_mood_equally_often(corpus):
    drawn = Counter((pair.frame, pair.mood) for pair in balanced(corpus.train, 40_000, np.random.default_rng(0)))
    moods = Counter(frame for frame, _ in drawn)
    assert set(moods) == {pair.frame for pair in corpus.train}
    for (frame, _), count in drawn.items():
        expected = 40_000 / len(moods) / moods[frame]
        assert abs(count - expected) < 5 * expected**0.5  # five standard deviations


def test_a_balanced_draw_reaches_all_of_a_small_set(corpus):
    some = [pair for pair in corpus.train if pair.frame == "nationalities"][:50]
    assert set(balanced(some, 2000, np.random.default_rng(1))) == set(some)


def test_a_balanced_draw_is_repeatable(corpus):
    draws = [balanced(corpus.test, 100, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert draws[0] == draws[1] != draws[2]


def test_nothing_can_be_drawn_from_nothing():
    with pytest.raises(ValueError, match="must hold at least one pair"):
        balanced([], 1, np.random.default_rng(0))


def test_neither_torch_nor_the_network_is_needed():
    code = "import sys; from transformer_lib.data import translation as t; t.load(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "torch" not in loaded
