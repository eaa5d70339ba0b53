"""What a rule gets and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..survey import Survey

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Fault:
    """Something wrong, in numbers; the words are the check stage's.

    Attributes:
        kind: the rule's name for it.
        start_s, end_s: where; the whole song for what has no place.
        value: how much, in the unit the kind has; None when there is nothing to measure.
        detail: further numbers for the sentence, such as ``hz``.
    """

    kind: str
    start_s: float
    end_s: float
    severity: Severity
    value: float | None
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Known:
    """What rules look at: the survey, and what is already known of bars and sections.

    Attributes:
        beats_s, downbeats_s: empty when there is no grid.
        beats_sure: 0 to 1, how clearly the beat stands out.
        sections: start and end in s, and label.
    """

    survey: Survey
    beats_s: tuple[float, ...] = ()
    downbeats_s: tuple[float, ...] = ()
    beats_sure: float = 1.0
    sections: tuple[tuple[float, float, str], ...] = ()

    def whole(self, kind: str, severity: Severity, value: float | None, **detail: float) -> list[Fault]:
        """One fault that lasts from end to end."""
        return [Fault(kind, 0.0, self.survey.duration_s, severity, value, detail)]


Rule = Callable[[Known], list[Fault]]
