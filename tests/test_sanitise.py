"""What students wrote, as nbgrader's pages show it: formatted, and without anything that acts."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.exporters import HTMLExporter
from nbformat import v4

from course.release import configuration
from course.sanitise import KEPT, TAGS, EscapeNames, clean_html, clean_markdown
from tests.markup import MARKUP


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.found.append((tag, dict(attrs)))


def assert_harmless(html: str) -> None:
    for tag, attributes in Elements(html).found:
        assert tag in TAGS, html
        for name, value in attributes.items():
            assert (tag, name) in KEPT, html
            assert KEPT[tag, name].match(value), html


@pytest.mark.parametrize("text", [*MARKUP, "\n\n".join(MARKUP)])
def test_no_markup_acts(text: str) -> None:
    assert_harmless(clean_markdown(text))
    assert_harmless(clean_html(text))


PIECES = st.sampled_from(
    [*"<>\"'=/&;:#$\\`[]()! \n", *MARKUP[:-1], "javascript:", "onerror", "&#92;"]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_no_mixture_of_it_acts(text: str) -> None:
    assert_harmless(clean_markdown(text))


def test_what_an_honest_answer_needs_stays() -> None:
    text = (
        "# Why\n\nIt *falls*, **always**, since $a < b & c$:\n\n1. `x <= 2`\n2. [here](https://a.org)"
        "\n\n|a|b|\n|-|-|\n|1|2|\n\n```python\nx = 1 < 2\n```\n\n![p](data:image/png;base64,AAAA)\n"
        "\n$$\\frac{\\partial f}{\\partial\\theta}$$"
    )
    html = clean_markdown(text)
    for kept in (
        "<h1>", "<em>falls</em>", "<strong>always</strong>", "$a &lt; b &amp; c$", "<li>",
        "<table>", "<code>x &lt;= 2</code>", '<a href="https://a.org">',
        "data:image/png;base64,AAAA", "$$\\frac{\\partial f}{\\partial\\theta}$$",
    ):  # fmt: skip
        assert kept in html


def test_a_command_that_makes_a_link_of_a_formula_is_defused() -> None:
    for text in (r"$\href{javascript:alert(1)}{x}$", r"<p>\(\h&#114;ef{javascript:alert(1)}{x}\)"):
        assert not re.search(r"\\href", clean_markdown(text))


def test_the_pages_of_nbgrader_are_made_so() -> None:
    exporter = HTMLExporter(config=configuration(), template_name="classic")
    notebook = v4.new_notebook()
    notebook.cells = [v4.new_markdown_cell("<script>alert(1)</script>")]
    output = v4.new_output("display_data", {"text/html": "<img src=x onerror=alert(2)>"})
    notebook.cells.append(v4.new_code_cell("1", outputs=[output]))
    html, _ = exporter.from_notebook_node(notebook, {"student": "<b>eve</b>"})
    assert "&lt;script&gt;alert(1)" in html and "onerror" not in html


def test_names_are_escaped_and_a_missing_one_stays_missing() -> None:
    resources = {"student": '<b>"eve"</b>', "last_name": None, "index": 3}
    _, found = EscapeNames().preprocess(v4.new_notebook(), resources)
    assert found == {"student": "&lt;b&gt;&quot;eve&quot;&lt;/b&gt;", "last_name": "", "index": 3}
