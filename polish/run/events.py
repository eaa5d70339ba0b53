"""What happens in a run, told as it happens: to a function, and as JSON lines into a file."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from ..files import writing_errors

Kind = Literal[
    "run_started", "model_fetch", "step_started", "step_progress", "step_done", "step_skipped", "notice",
    "delivered", "run_done",
]  # fmt: skip


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes:
        kind: what; ``step_done`` has ``cached`` in its data.
        step: the step or delivery it happened in, empty for the run itself.
        fraction: how much of that step (or fetch) is done, 0 to 1.
        message: a sentence for the user.
        data: JSON values that belong to this kind.
    """

    kind: Kind
    step: str = ""
    fraction: float | None = None
    message: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


Watch = Callable[[Event], None]


class Teller:
    """Hands events on, one at a time, from whatever thread they come.

    Progress is told when it has grown by a hundredth, and never backwards.
    """

    def __init__(self, watch: Watch | None = None, file: TextIO | None = None) -> None:
        self._watch = watch
        self._file = file
        self._lock = threading.RLock()
        self._fractions: dict[tuple[str, str], float] = {}

    def tell(self, kind: Kind, step: str = "", fraction: float | None = None, message: str = "",
             **data: Any) -> None:  # fmt: skip
        """Tell of one event."""
        event = Event(kind, step, fraction, message, data)
        with self._lock:
            if kind == "step_started":
                self._fractions.pop(("step_progress", step), None)
            if kind in ("step_progress", "model_fetch") and not self._grown(event):
                return
            if self._file:
                self._file.write(json.dumps(asdict(event), ensure_ascii=False) + "\n")
                self._file.flush()
            if self._watch:
                self._watch(event)

    def _grown(self, event: Event) -> bool:
        fraction = min(max(event.fraction or 0.0, 0.0), 1.0)
        known = self._fractions.get((event.kind, event.step))
        if known is not None and (fraction < known + 0.01 and not known < fraction == 1.0):
            return False
        self._fractions[event.kind, event.step] = fraction
        return True


@contextmanager
def telling(file: str | Path | None, watch: Watch | None) -> Iterator[Teller]:
    """A teller whose events also go into `file`, one JSON object a line; ``-`` is standard output.

    Raises:
        OutputError: the file cannot be written.
    """
    if file is None:
        yield Teller(watch)
        return
    if str(file) == "-":
        yield Teller(watch, sys.stdout)
        return
    with writing_errors(Path(file)):
        stream = open(file, "w", encoding="utf-8", errors="replace")  # noqa: SIM115
    with stream:
        yield Teller(watch, stream)
