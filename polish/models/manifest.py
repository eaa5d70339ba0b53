"""The weights we know: where they come from, their hashes, their licences.

Ours stand in ``manifest.yaml`` beside this file. A ``manifest.yaml`` in the models folder
adds to them: that is how weights of one's own, a pickle among them, get a hash to match.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ..errors import UsageError
from ..files import read_text
from . import fetching


class Model(BaseModel):
    """One model of the manifest: a folder of files.

    Attributes:
        kind: the engine interface it serves (`polish.models.engines`).
        url, sha256: a model of one file, and its full hash; without a hash the first fetch counts.
        hub, revision, files: a Hugging Face repository, its branch or commit when it is not the
            newest, and the patterns of the files to take.
        megabytes: about what is fetched; None where nobody states it beforehand.
        licence: SPDX identifier of the weights' licence.
        sells: whether the licence lets one sell what the model makes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["separator", "transcriber", "generator", "beat_tracker"]
    about: str
    licence: str
    sells: bool
    url: str | None = None
    sha256: str | None = None
    hub: str | None = None
    revision: str | None = None
    megabytes: float | None = None
    files: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> Model:
        if (self.url is None) == (self.hub is None):
            raise ValueError("a model comes either from a url or from a hub")
        if self.sha256 is not None and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError("sha256 is the full hash, 64 hexadecimal digits")
        if self.url and not self.sha256 and not fetching.trustworthy(self.url):
            raise ValueError("a url without the SHA-256 of its file is taken over TLS alone (https)")
        return self

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        return self.url or f"https://huggingface.co/{self.hub}"

    def file_name(self) -> str:
        """The name of a `url` model's one file."""
        return (self.url or "").rsplit("/", 1)[-1]


def load(folder: Path | None = None) -> Mapping[str, Model]:
    """The models by name: ours, then those of ``manifest.yaml`` in `folder`.

    Raises:
        UsageError: a manifest is not of this form.
    """
    models = _read(Path(__file__).with_name("manifest.yaml"), 0)
    own = folder / "manifest.yaml" if folder else None
    return {**models, **_read(own, own.stat().st_mtime_ns)} if own and own.is_file() else models


@cache
def _read(path: Path, _changed_ns: int) -> Mapping[str, Model]:
    import yaml

    try:
        entries = yaml.safe_load(read_text(path)) or {}
        return {str(name): Model(**entry) for name, entry in entries.items()}
    except (yaml.YAMLError, ValidationError, TypeError, AttributeError) as error:
        raise UsageError(f"not a manifest of models: {error}", where=path) from error
