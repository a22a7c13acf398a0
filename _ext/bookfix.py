"""What Jupyter Book 1 and its theme put on a page, mended."""

import os

from sphinx.application import Sphinx
from sphinx.jinja2glue import BuiltinTemplateLoader


class MendedPages(BuiltinTemplateLoader):
    """Sphinx's template loader (`template_bridge`), with the last word on each page."""

    def render(self, template: str, context: dict) -> str:
        return super().render(template, context)


def fewer_scripts(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Each script once, and none for thebe, which Jupyter Book configures even when it is off (a console error)."""
    seen = {}
    for script in context.get("script_files", []):
        attributes = getattr(script, "attributes", {})
        key = (str(getattr(script, "filename", script)), str(attributes.get("body")))
        if "thebe" not in " ".join(key).lower():
            seen.setdefault(key, script)
    context["script_files"] = list(seen.values())


def repository_from_environment(app: Sphinx, config: object) -> None:
    """In CI the repository is the one that is being built, so a fork's links lead to the fork."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        config.html_theme_options["repository_url"] = f"{server}/{name}"


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", repository_from_environment)
    app.connect("html-page-context", fewer_scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
