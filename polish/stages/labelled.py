"""Sections that somebody drew: labels into parts that cover the song."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..deliver.label_text import Label
from ..dsp import tagging

Drawn = tuple[float, float, str | None, str]
"""Start, end, group and label of a part."""
_NAMED_GROUP = re.compile(r"(.*?)\s*\b([A-Z]{1,2})")


def parts(labels: Sequence[Label], duration_s: float) -> list[Drawn]:
    """Every part, from 0 to the end without gaps.

    A part lasts to where the next begins, whatever its label's own end; the first begins at 0.
    The group is the last word of a label where that is a capital letter, as in ``verse A``;
    None where the labels name none.

    Args:
        labels: of kind ``sections``, in order of their start.
    """
    kept = [label for label in labels if label.start_s < duration_s]
    found: list[Drawn] = []
    for number, label in enumerate(kept):
        start = 0.0 if number == 0 else label.start_s
        end = duration_s if number + 1 == len(kept) else kept[number + 1].start_s
        named = _NAMED_GROUP.fullmatch(label.label)
        name, group = named.groups() if named else (label.label, None)
        if end > start:
            found.append((start, end, group, tagging.label_of(name) or "part"))
    return found
