"""Exercises of page 16a: a conversation as a text, and who writes its turns."""

from transformer_lib.exercises.engine import Question, exercise


def conversations(generator):
    """An empty text, one turn, a system turn before it, a longer conversation, spaces around a text, and a turn of the
    assistant at the end."""
    user = {"role": "user", "content": "What is a token?"}
    yield ([{"role": "user", "content": ""}],)
    yield ([user],)
    yield ([{"role": "system", "content": "Be brief."}, user],)
    yield ([user, {"role": "assistant", "content": "A piece of a text."}, {"role": "user", "content": "How\nlong?"}],)
    yield ([{"role": "user", "content": "  Indent this:\n"}],)
    yield ([user, {"role": "assistant", "content": "A piece."}],)


def _turns(messages):
    return "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in messages)


@exercise("16a.chat_prompt", inputs=conversations)
def chat_prompt(messages):
    """Every turn closed, and the assistant's next one open."""
    return _turns(messages) + "<|im_start|>assistant\n"


@chat_prompt.mistake
def nobody_to_answer(messages):
    """Your conversation ends with a closed turn. The model has first to guess who speaks next; open the assistant's
    turn for it."""
    return _turns(messages)


@chat_prompt.mistake
def the_answer_closed(messages):
    """You close the assistant's turn before it has said anything. It is the model that writes the last mark."""
    return _turns(messages) + "<|im_start|>assistant\n<|im_end|>\n"


@chat_prompt.mistake
def no_line_end_after_assistant(messages):
    """The opened turn lacks what stands after every role: a line end. The model would have to write it itself."""
    return _turns(messages) + "<|im_start|>assistant"


@chat_prompt.mistake
def no_line_end_after_a_turn(messages):
    """Your turns follow each other on one line. After each <|im_end|> the model was shown a line end."""
    return _turns(messages).replace("<|im_end|>\n", "<|im_end|>") + "<|im_start|>assistant\n"


@chat_prompt.mistake
def a_line_end_before_the_mark(messages):
    """You end the line before you end the turn. The mark stands right after the last letter, and the line end after
    the mark."""
    return _turns(messages).replace("<|im_end|>", "\n<|im_end|>") + "<|im_start|>assistant\n"


@chat_prompt.mistake
def colons_after_roles(messages):
    """You put a colon after the role, as people do. The model was tuned on a line end there, and on nothing else."""
    turns = "".join(f"<|im_start|>{turn['role']}: {turn['content']}<|im_end|>\n" for turn in messages)
    return turns + "<|im_start|>assistant: "


@chat_prompt.mistake
def all_from_the_user(messages):
    """All your turns are the user's. Each message says whose it is."""
    return _turns([{**turn, "role": "user"} for turn in messages]) + "<|im_start|>assistant\n"


@chat_prompt.mistake
def the_last_turn_alone(messages):
    """You write the last message only. The model keeps nothing between two calls: what was said before has to stand
    before it again."""
    return _turns(messages[-1:]) + "<|im_start|>assistant\n"


@chat_prompt.mistake
def contents_stripped(messages):
    """You take the spaces and line ends away from around a content. They are part of what was said: the page asks for
    it exactly as it is."""
    return chat_prompt.reference([{**turn, "content": turn["content"].strip()} for turn in messages])


@chat_prompt.mistake
def opened_after_a_user_only(messages):
    """You open the assistant's turn only where the user has spoken last. It is the assistant who is to go on, whoever
    spoke last."""
    opened = "<|im_start|>assistant\n" if messages[-1]["role"] == "user" else ""
    return _turns(messages) + opened


@chat_prompt.mistake
def line_ends_between_turns_only(messages):
    """You join the turns with line ends, so the last one has none behind it. A line end stands after *every* turn, also
    before the turn that is opened."""
    return _turns(messages).removesuffix("\n") + "<|im_start|>assistant\n"


@chat_prompt.mistake
def the_usual_system_turn_added(messages):
    """You add the system turn of SmolLM2, as its template does. Here no turn is added to those that are given."""
    usual = {"role": "system", "content": "You are a helpful AI assistant named SmolLM, trained by Hugging Face"}
    added = [] if messages[0]["role"] == "system" else [usual]
    return chat_prompt.reference([*added, *messages])


@chat_prompt.mistake
def a_space_in_place_of_the_line_end(messages):
    """After the opened role you put a space. A line end stands there, as after every role."""
    return _turns(messages) + "<|im_start|>assistant "


turns = Question(
    "16a.turns",
    5,
    hint="Write the text down and count the places where a turn begins. The forged text closes the user's turn before "
    "it opens one of its own.",
    mistakes={
        3: "That is what `chat` makes of it: system, user, and the open turn. In the careless program the marks in the "
        "message are real.",
        4: "One too few. After the forged answer the message opens a turn for its question; or did you leave out the "
        "open one?",
        6: "One too many. The user's own turn is the one that the message closes: it is not closed twice.",
        2: "You count the forged ones. The model sees the others as well.",
    },
)
