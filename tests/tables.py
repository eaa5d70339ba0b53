"""Tables of input and expected output, kept as text so that a person can read them.

A case is ``=== name``, its input, ``>>>`` and what is expected.
"""

from __future__ import annotations

from pathlib import Path


def table(name: str) -> dict[str, tuple[str, str]]:
    """The cases of ``tests/NAME.txt``: name to input (whole lines) and expected text."""
    _, *parts = ("\n" + (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8")).split("\n=== ")
    cases = {}
    for part in parts:
        title, _, rest = part.partition("\n")
        given, _, expected = rest.partition(">>>\n")
        assert title not in cases, f"two cases are called {title}"
        assert expected, f"{title} expects nothing"
        cases[title] = (given, expected.strip("\n"))
    return cases
