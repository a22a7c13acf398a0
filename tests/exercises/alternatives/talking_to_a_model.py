"""Right answers to the exercises of page 16a, written in other ways."""


def prompt_in_pieces(messages):
    lines = []
    for message in [*messages, {"role": "assistant"}]:
        lines.append("<|im_start|>" + message["role"])
        if "content" in message:
            lines.append(message["content"] + "<|im_end|>")
    return "\n".join(lines) + "\n"


def prompt_by_joining(messages):
    turns = [message["role"] + "\n" + message["content"] + "<|im_end|>\n" for message in messages]
    return "<|im_start|>" + "<|im_start|>".join([*turns, "assistant\n"])


ALTERNATIVES = {"16a.chat_prompt": [prompt_in_pieces, prompt_by_joining]}
