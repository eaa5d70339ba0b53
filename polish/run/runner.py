"""One song: recipe and draft in, a folder of results out."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from .. import recipe as recipes
from ..errors import OutputError, RecipeError, UsageError
from ..song import Song
from . import engines, facts, folder, hashing, pictures
from .cache import Cache, Spoiled
from .carry import Done, carry
from .deliveries import Desk, Written
from .events import Teller, Watch, telling
from .history import Origin, earlier
from .journal import Journal
from .provenance import provenance
from .room import needed_bytes

_ATTEMPTS = 8
"""A cache that is found spoiled this often in one run is not used any more."""


@dataclass(frozen=True)
class Result:
    """What a run has left.

    Attributes:
        folder: ``DIR/TITLE``.
        facts: what ``facts.json`` holds.
        files: every file delivered, the report and the facts among them.
        steps: what became of each step, and whether it came out of the cache.
    """

    folder: Path
    facts: Mapping[str, Any]
    files: tuple[Path, ...]
    steps: tuple[Done, ...]


def run(
    recipe: str | Path,
    draft: str | Path | None = None,
    *,
    out: str | Path = "polished",
    sets: Sequence[str] = (),
    offline: bool = False,
    fresh: bool = False,
    events: str | Path | None = None,
    watch: Watch | None = None,
    seed: int = 0,
    title: str | None = None,
) -> Result:
    """Run a recipe over one draft.

    Args:
        recipe: a shipped name or a file.
        draft: a sound file, or a folder of stems; none for a recipe that generates its song.
        out: the folder that gets a folder for this song.
        sets: changes to the recipe, ``stream.ceiling=-2dBTP``.
        offline: fetch nothing.
        fresh: use nothing of earlier runs, and replace another song's results in the folder.
        events: a file for events as JSON lines; ``-`` is standard output.
        watch: called with every event.
        seed: for everything random.
        title: the song's; the draft's name without its ending by default.

    Raises:
        PolishError: see `polish.errors`; a step that failed is a `StageFailed`.
    """
    plan = planned(recipe, draft, sets=sets, offline=offline)
    with telling(events, watch) as teller:
        return perform(
            plan, draft, out=out, offline=offline, fresh=fresh, teller=teller, seed=seed, title=title
        )


def planned(
    recipe: str | Path, draft: str | Path | None, *, sets: Sequence[str] = (), offline: bool = False
) -> Any:
    """The checked plan of a recipe for this draft.

    Raises:
        RecipeError: the recipe is wrong.
        UsageError: it needs a draft and there is none.
        ModelUnavailable: a model it names is not to be had.
    """
    loaded = recipes.load(recipe, sets=sets)
    if draft is not None:
        given = {"draft", "mix", "stems"} if os.path.isdir(draft) else {"draft", "mix"}
        return recipes.check(loaded, given=frozenset(given), offline=offline)
    try:
        return recipes.check(loaded, given=frozenset(), offline=offline)
    except RecipeError:
        recipes.check(loaded, given=frozenset({"draft", "mix"}), offline=offline)
        raise UsageError(
            "this recipe starts from a draft, and none is given",
            where=recipe,
            hint=f"polish run {recipe} draft.mp3",
        ) from None


def perform(
    plan: Any,
    draft: str | Path | None,
    *,
    out: str | Path,
    offline: bool = False,
    fresh: bool = False,
    replaces: bool = False,
    teller: Teller | None = None,
    seed: int = 0,
    title: str | None = None,
) -> Result:
    """Run a checked plan; what `run` does when the recipe is in order.

    Args:
        replaces: another song's results in the folder may be replaced, as with `fresh`.
    """
    teller = teller or Teller()
    source = None if draft is None else Path(draft)
    target = Path(out) / folder.title(title or _title(plan, source))
    if source:
        folder.apart(target, source)
    cache = Cache(fresh=fresh, notice=lambda sentence: teller.tell("notice", message=sentence))
    teller.tell(
        "run_started", message=target.name, recipe=plan.name, folder=str(target),
        steps=[step.id for step in plan.steps],
    )  # fmt: skip
    with ExitStack() as stack:
        # A folder that is there is held at once; a new one is made only for a draft that can be read.
        hidden = stack.enter_context(folder.held(target)) if os.path.exists(target) else None
        song = cache.opened(_opened(source, target.name))
        for notice in song.notices:
            teller.tell("notice", "draft", message=notice)
        hidden = hidden or stack.enter_context(folder.held(target))
        journal = Journal(hidden / "journal.jsonl")
        terms = _Terms(offline, fresh, fresh or replaces, seed)
        return _Run(plan, source, target, cache, journal, teller, terms).go(song)


def _title(plan: Any, source: Path | None) -> str:
    if source is not None:
        return source.resolve().name if source.is_dir() else source.stem
    prompts = (str(step.stage.resolved().get("prompt") or "") for step in plan.steps)
    return " ".join(next(filter(None, prompts), "generated").split()[:8]).rstrip(",;:")


def _opened(source: Path | None, title: str) -> Song:
    return (Song.read(source) if source else Song()).having(title=title)


@dataclass(frozen=True)
class _Terms:
    offline: bool
    fresh: bool
    replaces: bool
    seed: int


@dataclass
class _Run:
    plan: Any
    source: Path | None
    folder: Path
    cache: Cache
    journal: Journal
    teller: Teller
    terms: _Terms

    def go(self, song: Song) -> Result:
        started = time.monotonic()
        origin = Origin.of(song, self.plan.name)
        before = earlier(self.journal, origin, Desk(self.folder, self.journal))
        if before.foreign and not self.terms.replaces:
            raise UsageError(
                f"the folder holds the results of another draft called {song.title!r}",
                where=self.folder,
                hint="choose another folder with -o, or replace them with --fresh",
            )
        self.journal.note(
            "run", polish=__version__, recipe=origin.recipe, draft=origin.draft, digest=self.plan.digest,
            seed=self.terms.seed,
        )  # fmt: skip
        try:
            folder.see_room(self.folder, needed_bytes(self.plan, song) - before.bytes)
            steps, whole = engines.fetched(self.plan.steps, self.teller)
            result = self._attempts(song, steps, offline=self.terms.offline or not whole)
            names = {file.relative_to(self.folder).as_posix() for file in result.files}
            desk = Desk(self.folder, self.journal)
            desk.clear([*before.foreign, *before.same], keep=names | before.others)
        except BaseException as error:
            with suppress(OutputError):
                self.journal.note("run_failed", error=f"{type(error).__name__}: {error}")
            raise
        seconds = round(time.monotonic() - started, 3)
        self.journal.note("run_done", seconds=seconds)
        self.teller.tell("run_done", message=str(self.folder), seconds=seconds, files=sorted(names))
        return result

    def _attempts(self, song: Song, steps: Sequence[Any], *, offline: bool) -> Result:
        """Carry and deliver; again without what turns out to be spoiled in the cache."""
        for _ in range(_ATTEMPTS):
            try:
                return self._once(song, steps, offline)
            except Spoiled:
                song = self.cache.opened(_opened(self.source, song.title))
        self.cache.give_up("it gives back other bytes than were written")
        return self._once(_opened(self.source, song.title), steps, offline)

    def _once(self, song: Song, steps: Sequence[Any], offline: bool) -> Result:
        song, done = carry(
            steps,
            song,
            self.cache,
            seed=self.terms.seed,
            offline=offline,
            teller=self.teller,
            journal=self.journal,
        )
        made = song.filled().union(*(step.stage.writes for step in done if step.status == "done"))
        desk = Desk(self.folder, self.journal, fresh=self.terms.fresh)
        written = []
        for each in self.plan.deliveries:
            written.append(desk.deliver(each, song, made, self.cache, self.teller))
            self.cache.objects.rest()
        files = _files(written)
        outcome = facts.Outcome(self.plan, song, done, written, files, self.terms.seed)
        files.append(desk.json("provenance.json", provenance(outcome), self.teller))
        known = hashing.plain(facts.facts(outcome, self.cache))
        names = [file["name"] for file in files]
        reported = any(each.delivery.name == "report" and each.status == "done" for each in written)
        if reported and (drawn := pictures.words(song, desk, self.cache, self.teller)):
            names.append(drawn)
            known["words"] = drawn
        names.append(desk.json("facts.json", known, self.teller)["name"])
        if reported:
            names.append(desk.write("report.html", lambda: _page(known), known, self.teller)["name"])
        paths = tuple(self.folder / name for name in names)
        return Result(self.folder, known, paths, done)


def _page(known: Mapping[str, Any]) -> str:
    from ..report import page

    return page(known)


def _files(written: Sequence[Written]) -> list[Mapping[str, Any]]:
    """All files delivered.

    Raises:
        UsageError: two deliveries have written the same one.
    """
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for delivery in written:
        for file in delivery.files:
            if file["name"] in found:
                raise UsageError(
                    f"the deliveries {found[file['name']][0]} and {delivery.id} both write {file['name']}",
                    hint="take one of them out, or give them ids or formats that differ",
                )
            found[file["name"]] = (delivery.id, file)
    return [file for _, file in found.values()]
