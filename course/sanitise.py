"""HTML of students, made harmless before the browser of an instructor shows it.

nbgrader's pages lie on the instructor's own Jupyter server, where a script may do what the
instructor may, and nbconvert lets whatever HTML stands in Markdown through. Used by
`nbgrader_config.py`, the filters in place of nbconvert's.
"""

import re
from html import escape

import bleach
from bs4 import BeautifulSoup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

TAGS = {
    *("p", "br", "hr", "div", "span", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "a", "img"),
    *("b", "strong", "i", "em", "u", "s", "del", "sub", "sup", "kbd", "code", "pre"),
    *("ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "caption"),
    *("details", "summary"),
}
# No class and no id: nbgrader's scripts find their own elements by these.
KEPT = {
    ("a", "href"): re.compile(r"(https?://|mailto:|#)"),
    ("img", "src"): re.compile(r"data:image/(png|jpeg|gif|webp);base64,[\w+/=]*$"),
    ("img", "alt"): re.compile(""),
    ("ol", "start"): re.compile(r"\d{1,6}$"),
}
# What MathJax would make links, attributes or characters of.
COMMANDS = re.compile(
    r"\\(?=(href|url|require|class|cssId|style|bbox|unicode|mmlToken|data|html[A-Z]\w+|htmlmacro)\b)"
)


def clean_html(html: object) -> str:
    """The HTML without anything that runs, loads or steers; other tags are shown as text."""
    text = html.decode(errors="replace") if isinstance(html, bytes) else str(html)
    cleaned = bleach.clean(
        text, tags=TAGS, attributes=_kept, protocols={"http", "https", "mailto", "data"}
    )
    soup = BeautifulSoup(cleaned, "html.parser")
    for words in soup.find_all(string=COMMANDS):
        words.replace_with(COMMANDS.sub("", words))
    return str(soup)


def clean_markdown(text: str) -> str:
    """Markdown as harmless HTML."""
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return clean_html(MarkdownWithMath(renderer=renderer).render(text))


class EscapeNames(Preprocessor):
    """Escapes the names of a student, which the formgrader's page writes as they are."""

    def preprocess(self, notebook: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        for name in {"student", "last_name", "first_name", "notebook_path"} & resources.keys():
            resources[name] = escape(resources[name] or "")
        return notebook, resources


def _kept(tag: str, name: str, value: str) -> bool:
    form = KEPT.get((tag, name))
    return form is not None and form.match(value) is not None
