"""Slot flow and engines: whether each step finds what it reads, before anything is loaded.

Steps are looked at in order, with the slots that are filled so far. What a stage `writes`
counts as filled after it; what it `may_write` does not, because it may not. A skipped
optional step fills nothing. A missing slot is reported once, at the first step that needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..declared import Declared
from ..errors import ModelUnavailable
from ..models.engines import Choice
from ..stages.base import Stage
from .catalogue import Catalogue
from .outline import Item
from .source import Mistakes
from .words import guess, one_of, quote

_SINGLE = ("draft", "mix")


@dataclass(frozen=True, eq=False)
class Verdict:
    """Whether a step or a delivery can run: its engine, or why it is skipped."""

    choice: Choice | None = None
    skipped: str | None = None


@dataclass
class Flow:
    """The state of the walk.

    Attributes:
        steps: what was written and the stage it makes, in order.
        filled: the slots that are filled so far.
        unavailable: the first required model that cannot be had; raised when the recipe is right otherwise.
    """

    steps: Sequence[tuple[Item, Stage]]
    filled: set[str]
    catalogue: Catalogue
    offline: bool
    mistakes: Mistakes
    unavailable: ModelUnavailable | None = None
    verdicts: list[Verdict] = field(default_factory=list)

    def step(self, number: int) -> Verdict:
        """Whether step `number`, counted from 0, can run; steps are asked in their order."""
        item, stage = self.steps[number]
        verdict = self._step(item, stage, number)
        self.verdicts.append(verdict)
        if verdict.skipped is None:
            self.filled |= set(stage.writes)
        return verdict

    def _step(self, item: Item, stage: Stage, number: int) -> Verdict:
        missing = [slot for slot in stage.reads if slot not in self.filled]
        if missing and item.optional:
            return Verdict(skipped=self._lacking(missing[0], number))
        for slot in missing:
            self._report(slot, item, number)
        try:
            return Verdict(choice=self._choose(item, stage))
        except ModelUnavailable as error:
            if item.optional:
                return Verdict(skipped=error.what)
            here = ModelUnavailable(error.what, where=item.place, hint=error.hint)
            self.unavailable = self.unavailable or here
            return Verdict()

    def delivery(self, item: Item, made: Declared) -> Verdict:
        """Whether a delivery has what it writes out. It goes with the optional step that makes it."""
        end = len(self.steps)
        for name, (step_id, slot) in made.step_ids().items():
            if found := self._step_of(item, name, step_id, slot):
                return found
        for slot in made.reads:
            if slot not in self.filled:
                if item.optional or self._skipped_writers(slot, end):
                    return Verdict(skipped=self._lacking(slot, end))
                self._report(slot, item, end)
        return Verdict()

    def _choose(self, item: Item, stage: Stage) -> Choice | None:
        if not stage.kind:
            return None
        wanted = stage.engine()
        known = ("auto", *self.catalogue.engine_names(stage.kind))
        if wanted in known:
            return self.catalogue.choose(stage.kind, wanted, offline=self.offline)
        naming = [
            name for name, value in stage.resolved().items() if value == wanted and name in item.settings
        ]
        place = item.settings[naming[0]].node.place if naming else item.place
        what = f"no {stage.kind.replace('_', ' ')} is called {quote(wanted)}{guess(wanted, known)}"
        self.mistakes.add(place, what, one_of(known))
        return None

    def _step_of(self, item: Item, name: str, step_id: str, slot: str) -> Verdict | None:
        """What is wrong with the step a delivery names, if anything is."""
        entry = item.settings.get(name)
        place = entry.node.place if entry else item.place
        makers = [step.id for step, stage in self.steps if slot in stage.writes]
        walked = zip(self.steps, self.verdicts, strict=True)
        stage, verdict = next(((s, v) for (step, s), v in walked if step.id == step_id), (None, Verdict()))
        if stage and slot in stage.writes:
            skipped = f"{quote(step_id)} is skipped: {verdict.skipped}" if verdict.skipped else None
            return Verdict(skipped=skipped) if skipped else None
        if stage:
            what = f"{quote(step_id)} is a {quote(stage.name)} step and makes no {slot}"
        else:
            what = f"no step has the id {quote(step_id)}{guess(step_id, makers)}"
        self.mistakes.add(place, what, one_of(makers) if makers else self._advice(slot))
        return Verdict()

    def _lacking(self, slot: str, before: int) -> str:
        """Why a slot is empty, for a step that is skipped."""
        for step, reason in self._skipped_writers(slot, before):
            return f"it needs {_a(slot)}, and {quote(step.id)} is skipped: {reason}"
        return f"it needs {_a(slot)}, and no step before it makes {_them(slot)}"

    def _report(self, slot: str, item: Item, before: int) -> None:
        """Note that a slot is empty where it is needed, once for the whole recipe."""
        self.filled.add(slot)
        needs = f"{item.noun} needs {_a(slot)}"
        line = f"line {item.place.line}"
        for step, reason in self._skipped_writers(slot, before):
            maker = f"{quote(step.id)} on {step.place.said(item.place)}"
            what = f"{needs}, and the optional {maker} is skipped: {reason}"
            self.mistakes.add(item.place, what, f"`optional: true` for {quote(item.id)} as well")
            return
        for step, stage in self.steps[before + 1 :]:
            if slot in stage.writes and slot not in stage.reads:
                later = f"{quote(step.id)} makes {_them(slot)} only on {step.place.said(item.place)}"
                self.mistakes.add(item.place, f"{needs}, and {later}", f"move {quote(step.id)} before {line}")
                return
        before_it = f"no step before {line}" if before < len(self.steps) else "no step"
        self.mistakes.add(item.place, f"{needs}, and {before_it} makes {_them(slot)}: {self._advice(slot)}")

    def _skipped_writers(self, slot: str, before: int) -> list[tuple[Item, str]]:
        walked = zip(self.steps[:before], self.verdicts[:before], strict=True)
        return [(item, v.skipped) for (item, stage), v in walked if v.skipped and slot in stage.writes]

    def _advice(self, slot: str) -> str:
        """What fills a slot: the first stage that could run with what is there."""
        shelf = self.catalogue.stages
        makers = [name for name in shelf.names() if slot in shelf.find(name).writes]
        ready = [name for name in makers if set(shelf.find(name).reads) <= self.filled - {slot}]
        if slot in ("draft", "mix"):
            first = ready[0] if ready else None
            return "give a draft" + (f", or begin with {quote(first)}" if first else "")
        return f"add {quote((ready or makers)[0])}" if makers else "none can"


def _a(slot: str) -> str:
    return f"a {slot}" if slot in _SINGLE else slot


def _them(slot: str) -> str:
    return "one" if slot in _SINGLE else "them"
