"""Magics and shell lines of a notebook cell, dropped; what is left is Python."""

import re

TOKEN = re.compile(
    r"""(?s:\"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\Z)|'''(?:\\.|[^\\])*?(?:'''|\Z))"""
    r"""|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|\#[^\n]*|\\\n|[\n([{)\]}]""",
    re.DOTALL,
)
MAGIC = re.compile(r"[ \t]*(?:[%!?]|[\w.]+[ \t]*=[ \t]*[%!](?!=)|[\w.*]+\?{1,2}[ \t]*$)")
PYTHON = ("%%time", "%%timeit", "%%capture", "%%prun", "%%python", "%%python3")


def without_magics(source: str) -> str:
    """The cell as Python, line by line where it was."""
    first, _, rest = source.lstrip().partition("\n")
    if first.startswith("%%"):
        if first.split()[0] not in PYTHON:
            return ""
        source = f"{source[: len(source) - len(source.lstrip())]}\n{rest}"
    lines = source.split("\n")
    continued = False
    for i, starts in enumerate(_statement_starts(source)):
        magic = starts and MAGIC.match(lines[i])
        if magic or continued:
            indent = lines[i][: len(lines[i]) - len(lines[i].lstrip())]
            continues = lines[i].endswith("\\")
            lines[i] = "" if continued else f"{indent}pass"
            continued = continues
    return "\n".join(lines)


def _statement_starts(source: str) -> list[bool]:
    """For each line, whether a statement may start there: in no string and no bracket."""
    starts, depth = [True], 0
    for token in TOKEN.finditer(source):
        text = token[0]
        if text in "([{":
            depth += 1
        elif text in ")]}":
            depth = max(0, depth - 1)
        elif text == "\n":
            starts.append(depth == 0)
        else:
            starts += [False] * text.count("\n")
    return starts
