"""The repository's address, where there is one: until then no page leads to a placeholder.

A page's words about the repository stand in `{only} repository`, and show where one is configured.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

PLACEHOLDER = "https://github.com/example/"
BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button")


def is_real(address: str) -> bool:
    return bool(address) and not address.startswith(PLACEHOLDER)


def find(app: Sphinx, config: Config) -> None:
    """In CI the repository is the one that is being built, so that a fork's links lead to the fork."""
    options = config.html_theme_options
    committed = options.get("repository_url", "")
    if name := os.environ.get("GITHUB_REPOSITORY"):
        options["repository_url"] = f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}"
    if is_real(options.get("repository_url", "")):
        app.tags.add("repository")
        if not is_real(committed):  # no notebook has the cell that Colab needs
            options["launch_buttons"] = {k: v for k, v in options.get("launch_buttons", {}).items() if k != "colab_url"}
    else:
        options |= {"repository_url": "", "launch_buttons": {}} | dict.fromkeys(BUTTONS, False)


def file(config: Config, path: str, lines: tuple[int, int]) -> str:
    """The address of some lines of a file, or "" where no repository is configured."""
    options = config.html_theme_options
    if not options.get("repository_url"):
        return ""
    branch = options.get("repository_branch") or "main"
    return f"{options['repository_url']}/blob/{branch}/{path}#L{lines[0]}-L{lines[1]}"


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", find, priority=900)  # after Jupyter Book and the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
