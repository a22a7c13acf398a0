"""What the README shows runs as it stands there."""

import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_code_in_the_readme_says_what_it_is_said_to_say(capsys):
    [code] = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    [promised] = re.findall(r"# … (.*) …$", code, flags=re.MULTILINE)
    exec(compile(code, str(README), "exec"), {})
    assert promised in capsys.readouterr().out
