"""The lexicon: what the grammar talks about, and what goes with what.

English inflects what Chinese does not, and this is where the forms are written down: `am`, `is` and `are` follow from
the person, but `cups` beside 杯 and `bought` beside 买 are entries. A table has one word a line, its fields in the
order of the dataclass in `words`; an underscore stands for a space, a hyphen for an empty field.
"""

from collections.abc import Mapping

from transformer_lib.data.grammar.words import Activity, Noun, Place, Subject, Verb


def _rows(table: str) -> list[list[str]]:
    return [["" if f == "-" else f.replace("_", " ") for f in line.split()] for line in table.strip().splitlines()]


def _subjects(table: str, person: int, plural: bool) -> list[Subject]:
    return [Subject(chinese, english, other, person, plural) for chinese, english, other in _rows(table)]


PRONOUNS = (
    *_subjects("我 I me", 1, False),
    *_subjects("你 you you", 2, False),
    *_subjects("他 he him\n她 she her", 3, False),
    *_subjects("我们 we us", 1, True),
    *_subjects("你们 you you", 2, True),
    *_subjects("他们 they them\n她们 they them", 3, True),
)
NAMES = tuple(_subjects("安娜 Anna Anna\n汤姆 Tom Tom\n玛丽 Mary Mary\n大卫 David David\n李华 Li_Hua Li_Hua", 3, False))
RELATIONS = (
    *_subjects("我妈妈 my_mother -\n你爸爸 your_father -\n他姐姐 his_sister -\n她哥哥 her_brother -", 3, False),
    *_subjects("我的朋友 my_friend -", 3, False),
    *_subjects("他的朋友们 his_friends -\n她的父母 her_parents -", 3, True),
)
SUBJECTS = (*PRONOUNS, *NAMES, *RELATIONS)

PROFESSIONS: Mapping[str, tuple[str, str]] = {
    chinese: (singular, plural)
    for chinese, singular, plural in _rows(
        """
        工程师 engineer engineers
        医生 doctor doctors
        老师 teacher teachers
        护士 nurse nurses
        学生 student students
        律师 lawyer lawyers
        演员 actor actors
        作家 writer writers
        司机 driver drivers
        歌手 singer singers
        记者 journalist journalists
        农民 farmer farmers
        会计 accountant accountants
        科学家 scientist scientists
        艺术家 artist artists
        建筑师 architect architects
        飞行员 pilot pilots
        """
    )
}
NATIONS: Mapping[str, str] = {
    "中国": "Chinese",
    "美国": "American",
    "英国": "British",
    "法国": "French",
    "意大利": "Italian",
    "日本": "Japanese",
}
PASSING: Mapping[str, str] = {
    "高兴": "happy",
    "累": "tired",
    "忙": "busy",
    "饿": "hungry",
    "渴": "thirsty",
    "生气": "angry",
    "难过": "sad",
}
LASTING: Mapping[str, str] = {"年轻": "young", "聪明": "clever", "友好": "friendly"}
# None of these is a state too: who is taller than whom says who is tall, and would undo the split of `translation`.
COMPARATIVES: Mapping[str, tuple[str, str]] = {
    "高": ("tall", "taller"),
    "矮": ("short", "shorter"),
    "强壮": ("strong", "stronger"),
    "勇敢": ("brave", "braver"),
}
ATTRIBUTES: Mapping[str, str] = {
    "新": "new",
    "旧": "old",
    "大": "big",
    "小": "small",
    "红": "red",
    "白": "white",
    "黑": "black",
    "好": "good",
}
# What can be said of a thing after 很.
QUALITIES: Mapping[str, str] = {
    "贵": "expensive",
    "便宜": "cheap",
    "大": "big",
    "小": "small",
    "重": "heavy",
    "长": "long",
    "漂亮": "beautiful",
    "有意思": "interesting",
    "好吃": "delicious",
    "热": "hot",
    "凉": "cold",
}

# Chinese, measure word, what is counted in English (one, several), what it holds, and the adjectives before it.
NOUNS: Mapping[str, Noun] = {
    row[0]: Noun(*row)
    for row in _rows(
        """
        书 本 book books - 新旧好
        杂志 本 magazine magazines - 新旧
        报纸 份 newspaper newspapers - 新旧
        信 封 letter letters - -
        照片 张 photo photos - 新旧
        电影 部 film films - 新好
        苹果 个 apple apples - 大小红
        橙子 个 orange oranges - 大小
        鸡蛋 个 egg eggs - 大小
        三明治 个 sandwich sandwiches - 大小
        猫 只 cat cats - 小白黑
        狗 只 dog dogs - 大小黑
        马 匹 horse horses - 白黑
        汽车 辆 car cars - 新旧
        自行车 辆 bicycle bicycles - 新旧
        椅子 把 chair chairs - 新旧
        桌子 张 table tables - 新旧大
        雨伞 把 umbrella umbrellas - 新旧黑
        手机 部 phone phones - 新旧
        电脑 台 computer computers - 新旧
        帽子 顶 hat hats - 新红
        衬衫 件 shirt shirts - 新白
        茶 杯 cup cups tea -
        咖啡 杯 cup cups coffee -
        牛奶 杯 glass glasses milk -
        水 瓶 bottle bottles water -
        果汁 瓶 bottle bottles juice -
        米饭 碗 bowl bowls rice -
        面包 片 slice slices bread -
        """
    )
}

GOODS = tuple("书 杂志 汽车 自行车 椅子 桌子 雨伞 手机 电脑 帽子 衬衫".split())
ANIMALS = ("猫", "狗", "马")
FOOD = tuple("苹果 橙子 鸡蛋 三明治 米饭 面包".split())
DRINKS = tuple("茶 咖啡 牛奶 水 果汁".split())
BOUGHT = (*GOODS, *ANIMALS, *FOOD[:4], *DRINKS, "面包", "报纸")
OWNED = (*BOUGHT, "信", "照片")
LIKED = (*ANIMALS, *FOOD, *DRINKS, "书", "杂志", "报纸", "照片", "电影", "汽车", "自行车", "电脑", "帽子")
LASTING_THINGS = (*GOODS, *ANIMALS)

Times = tuple[tuple[str, str], ...]
PAST: Times = (("昨天", "yesterday"), ("上周", "last week"))
FUTURE: Times = (("明天", "tomorrow"), ("下周", "next week"))
QUALITY_OF: Mapping[str, tuple[str, ...]] = {
    "贵": (*GOODS, *FOOD, *DRINKS),
    "便宜": (*GOODS, *FOOD, *DRINKS, "报纸"),
    "大": ("照片", "苹果", "橙子", "鸡蛋", "三明治", "猫", "狗", "马", "汽车", "桌子", "电脑", "雨伞", "帽子"),
    "小": ("照片", "苹果", "橙子", "鸡蛋", "三明治", "猫", "狗", "马", "汽车", "桌子", "电脑", "雨伞", "帽子"),
    "重": ("书", "自行车", "椅子", "桌子", "电脑"),
    "长": ("书", "信", "电影"),
    "漂亮": (*ANIMALS, "照片", "汽车", "帽子", "衬衫"),
    "有意思": ("书", "杂志", "报纸", "信", "照片", "电影"),
    "好吃": FOOD,
    "热": (*DRINKS[:3], "米饭"),
    "凉": DRINKS,
}

HAVE = Verb("有", "have", "has", "had", "having")
WANT = Verb("想要", "want", "wants", "wanted", "wanting")
LIKE = Verb("喜欢", "like", "likes", "liked", "liking")
GO = Verb("去", "go", "goes", "went", "going")
PEOPLE_VERBS = (
    Verb("认识", "know", "knows", "knew", "knowing"),
    LIKE,
    Verb("相信", "believe", "believes", "believed", "believing"),
)
BUY = Verb("买", "buy", "buys", "bought", "buying")
SELL = Verb("卖", "sell", "sells", "sold", "selling")
EAT = Verb("吃", "eat", "eats", "ate", "eating")
DRINK = Verb("喝", "drink", "drinks", "drank", "drinking")
READ = Verb("看", "read", "reads", "read", "reading")
WATCH = Verb("看", "watch", "watches", "watched", "watching")  # one Chinese verb: what is seen tells which it is
LOOK_AT = Verb("看", "look at", "looks at", "looked at", "looking at")
WRITE = Verb("写", "write", "writes", "wrote", "writing")
DRAW = Verb("画", "draw", "draws", "drew", "drawing")
ACTIONS: tuple[tuple[Verb, tuple[str, ...]], ...] = (
    (BUY, BOUGHT),
    (SELL, ("书", "汽车", "自行车", "手机", "电脑", "桌子", "马")),
    (EAT, FOOD),
    (DRINK, DRINKS),
    (READ, ("书", "杂志", "报纸", "信")),
    (WATCH, ("电影",)),
    (LOOK_AT, ("照片",)),
    (WRITE, ("信", "书")),
    (DRAW, ANIMALS),
)

PLACES = tuple(
    Place(*row)
    for row in _rows(
        """
        学校 at_school to_school
        家 at_home
        图书馆 in_the_library to_the_library
        医院 at_the_hospital to_the_hospital
        公园 in_the_park to_the_park
        火车站 at_the_train_station to_the_train_station
        机场 at_the_airport to_the_airport
        饭馆 at_the_restaurant to_the_restaurant
        博物馆 at_the_museum to_the_museum
        北京 in_Beijing to_Beijing
        伦敦 in_London to_London
        """
    )
)
# Where something is, and what may be there.
SPOTS: tuple[tuple[Place, tuple[str, ...]], ...] = (
    (Place("桌子上", "on the table"), (*FOOD, *DRINKS, "书", "杂志", "报纸", "信", "照片", "手机", "电脑", "帽子")),
    (Place("椅子上", "on the chair"), ("书", "杂志", "报纸", "帽子", "衬衫", "雨伞", "猫")),
    (Place("床上", "on the bed"), ("书", "照片", "衬衫", "猫", "信", "手机", "帽子")),
    (Place("厨房里", "in the kitchen"), (*FOOD, *DRINKS, "椅子", "桌子", "猫")),
    (Place("房间里", "in the room"), ("椅子", "桌子", "电脑", "猫", "狗", "书", "雨伞")),
    (Place("花园里", "in the garden"), (*ANIMALS, "椅子", "自行车", "桌子")),
    (Place("公园里", "in the park"), (*ANIMALS, "自行车", "椅子")),
    (Place("商店里", "in the shop"), (*GOODS[3:], *FOOD, "书", "报纸")),
)

ACTIVITIES = tuple(
    Activity(*row)
    for row in _rows(
        """
        游泳 swim swimming
        开车 drive driving
        唱歌 sing singing
        跳舞 dance dancing
        做饭 cook cooking
        滑雪 ski skiing
        骑马 ride_a_horse riding_a_horse
        说英语 speak_English speaking_English
        说中文 speak_Chinese speaking_Chinese
        弹钢琴 play_the_piano playing_the_piano
        打篮球 play_basketball playing_basketball
        踢足球 play_football playing_football
        """
    )
)
