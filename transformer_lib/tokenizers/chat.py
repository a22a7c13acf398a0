"""Conversations as tokens: each turn between marks that no text can contain.

    <|im_start|>user
    What is a token?<|im_end|>
    <|im_start|>assistant

This way of writing is called ChatML. A model tuned on it has learnt to continue after "assistant" with an answer and to
end it with <|im_end|>. The marks are special tokens, and the words of a turn are encoded as text alone: an
"<|im_end|>" that somebody types is a few ordinary tokens, and ends no turn.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformer_lib.tokenizers.bpe import BPETokenizer, Merge

START, END = "<|im_start|>", "<|im_end|>"
ROLES = ("system", "user", "assistant")

# Model files carry the way they write a conversation as a program in the language Jinja. It is recognised here, never
# run: this one is ChatML, with words to put before a conversation that has no system turn.
_JINJA = (
    r"{% for message in messages %}"
    r"{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nDEFAULT<|im_end|>\n' }}{% endif %}"
    r"{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    r"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class ChatTemplate:
    """How a model's conversations are written."""

    system: str = ""
    """The system turn of a conversation that begins with another one; none if empty."""

    @classmethod
    def from_jinja(cls, program: str) -> "ChatTemplate":
        """Recognise the program of a model file.

        Raises:
            ValueError: it writes a conversation in another way.
        """
        # A Jinja file writes a line end in a text as one or as \n; both mean the same.
        found = re.fullmatch(re.escape(_JINJA).replace("DEFAULT", r"([^'\\{}]*)"), program.replace("\n", r"\n"))
        if not found:
            raise ValueError(f"program={program!r} must be {_JINJA!r}: conversations are written in no other way here")
        return cls(system=found[1])


class ChatTokenizer(BPETokenizer):
    """A byte-level BPE that also writes conversations.

    Attributes:
        template: how they are written.
        end_of_turn: the token that ends a turn, and so what an answer stops at.
    """

    def __init__(self, merges: Iterable[Merge], *, template: ChatTemplate = ChatTemplate(), **options: Any) -> None:
        """Make the tokenizer as BPETokenizer is made, with the marks of ChatML among its special tokens."""
        super().__init__(merges, **options)
        for mark in (START, END):
            if mark not in self.special_tokens:
                raise ValueError(
                    f"special_tokens={self.special_tokens!r} must have {mark!r}: a turn stands between marks"
                )
        self.template = template
        self.end_of_turn = self.special_tokens[END]

    def chat(self, messages: Sequence[Mapping[str, str]], *, answer: bool = True) -> list[int]:
        """Return the token ids of a conversation.

        Args:
            messages: its turns, each {"role": "system", "user" or "assistant", "content": a text}. What looks like a
                special token in a content is text.
            answer: whether to open the assistant's next turn, for a model to go on from.

        Raises:
            ValueError: there is no turn, or one without a role and a content, or with another role.
        """
        if not messages:
            raise ValueError("messages must hold a turn: there is nothing to write")
        for i, message in enumerate(messages):
            if message.keys() != {"role", "content"} or message["role"] not in ROLES:
                raise ValueError(f"messages[{i}]={message!r} must have a role, one of {ROLES}, and a content")
        if self.template.system and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": self.template.system}, *messages]
        start, line_end = self.special_tokens[START], self.encode("\n")
        ids: list[int] = []
        for message in messages:
            words = self.encode(f"{message['role']}\n{message['content']}", parse_special=False)
            ids += [start, *words, self.end_of_turn, *line_end]
        return [*ids, start, *self.encode("assistant\n")] if answer else ids
