"""What a delivery is: something a recipe's ``deliver`` list names, that leaves files behind."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..declared import Declared
from ..song import Song


@dataclass(frozen=True)
class Delivered:
    """Files that were written, and what was read back from them.

    Attributes:
        files: whole files, in the order they were written.
        facts: JSON values for ``facts.json``: what was measured in the written files.
        notices: sentences the user should read.
    """

    files: tuple[Path, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


class Delivery(Declared):
    """Base of all deliveries: a frozen set of settings that can be written out."""

    @abstractmethod
    def write(self, song: Song, folder: Path) -> Delivered:
        """Write the files of this delivery into `folder`, each of them whole.

        Raises:
            OutputError: a file could not be written.
        """


def file_name(text: str) -> str:
    """Text as a part of a file name: what file systems forbid becomes ``_``, and it is never empty."""
    name = re.sub(r'[/\\:*?"<>|\x00-\x1f\x7f]', "_", text).strip().rstrip(".")
    return name[:120].lstrip(".") or "song"
