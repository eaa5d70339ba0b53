"""What can go wrong, each with the exit code it ends the process with.

An error says *where* (a file, a line, a step), *what*, and what to *try*. Its text
is at most a few lines; the command line prints it as it stands and never a traceback.

| exit | class | meaning |
| --- | --- | --- |
| 1 | any other exception | a bug of ours |
| 2 | `UsageError`, `RecipeError` | the command, an option or the recipe |
| 3 | `BadInput` | a sound, a text or a folder that was handed in |
| 4 | `ModelUnavailable` | weights that are neither here nor to be had |
| 5 | `StageFailed`, `OutputError` | a step could not do its work, or its result not be written |
| 6 | `BatchFailed` | a batch came to its end, but some songs failed |
"""

from __future__ import annotations

from collections.abc import Sequence


class PolishError(Exception):
    """Base of all errors that a user can do something about.

    Args:
        what: the fault, in one sentence without a full stop.
        where: the file, place or step; comes first, before a colon.
        hint: what to try, a sentence of its own.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: object = None, hint: str | None = None) -> None:
        self.what = what
        self.where = None if where is None else one_line(str(where))
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return "\n".join([head, *self._shown(), *([f"  try: {self.hint}"] if self.hint else [])])

    def _shown(self) -> list[str]:
        """Lines between the fault and the hint."""
        return []

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.hint))


def one_line(text: str) -> str:
    """Text as one readable line: line breaks and other control characters are escaped, and so
    are bytes of a file name that are no UTF-8."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def _rebuild(kind: type[PolishError], what: str, where: str | None, hint: str | None) -> PolishError:
    """Make the error again in another process (batches pickle them)."""
    return kind(what, where=where, hint=hint)


class UsageError(PolishError):
    """The command line asks for what does not exist or does not go together."""

    exit_code = 2


class RecipeError(PolishError):
    """A recipe is wrong; `where` is `file:line:column`.

    Args:
        excerpt: the line of the recipe with a caret under the fault.
        more: further mistakes, none of which follows from this one.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        hint: str | None = None,
        excerpt: str | None = None,
        more: Sequence[RecipeError] = (),
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.excerpt = excerpt
        self.more = tuple(more)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *map(str, self.more)])

    def _shown(self) -> list[str]:
        return [self.excerpt] if self.excerpt else []

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_recipe, (self.what, self.where, self.hint, self.excerpt, self.more))


def _rebuild_recipe(
    what: str, where: str | None, hint: str | None, excerpt: str | None, more: Sequence[RecipeError]
) -> RecipeError:
    return RecipeError(what, where=where, hint=hint, excerpt=excerpt, more=more)


class BadInput(PolishError):
    """A sound, text or folder handed in cannot be used."""

    exit_code = 3


class ModelUnavailable(PolishError):
    """Weights are not here and cannot be fetched; `hint` is the command that fetches them."""

    exit_code = 4


class EngineUnable(ModelUnavailable):
    """An engine without weights cannot do this, however often it is asked; `hint` names one that can."""


class StageFailed(PolishError):
    """A stage could not do its work; `where` names the step."""

    exit_code = 5


class OutputError(PolishError):
    """A result could not be written: no space, no permission."""

    exit_code = 5


class BatchFailed(PolishError):
    """A batch is finished and some of its songs failed."""

    exit_code = 6
