"""A sound with subtitles drawn over a still picture, as MP4, by the bundled ffmpeg."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .. import files
from ..errors import OutputError
from . import ffmpeg
from .sound import Sound
from .writing import write

SIZE = (1280, 720)
FRAMES_PER_S = 25
_NO_GLYPH = re.compile(
    r"failed to find any fallback with glyph (0x[0-9A-Fa-f]+)|Glyph (0x[0-9A-Fa-f]+) not found"
)


def lyric_video(path: Path, sound: Sound, ass: str, cover: Path | None = None) -> tuple[str, ...]:
    """Write H.264 with AAC: `ass` drawn over black, or over a darkened `cover`.

    Letters are drawn with the fonts of this machine (libass, by fontconfig).

    Returns:
        The letters that no font of this machine has, which are not in the picture.

    Raises:
        OutputError: it cannot be written, or the cover is no picture.
    """
    width, height = SIZE
    fitted = (
        f"scale={width}:{height}:force_original_aspect_ratio=decrease,"
        f"pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,eq=brightness=-0.12:contrast=0.75,format=yuv420p,"
    )
    with files.whole_file(path) as part, tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        files.write_text(room / "lyrics.ass", ass)
        write(room / "song.wav", sound, "wav 32-float")
        if cover:
            shutil.copyfile(cover, room / "cover")
            picture = ["-loop", "1", "-framerate", str(FRAMES_PER_S), "-i", "cover"]
        else:
            picture = ["-f", "lavfi", "-i", f"color=black:size={width}x{height}:rate={FRAMES_PER_S}"]
        command = [
            ffmpeg.program(), "-hide_banner", "-nostdin", "-y", *picture, "-i", "song.wav",
            "-vf", (fitted if cover else "") + "ass=lyrics.ass", "-map", "0:v:0", "-map", "1:a:0",
            "-t", f"{sound.duration_s:.6f}", "-c:v", "libx264", "-preset", "veryfast", "-tune", "stillimage",
            "-crf", "20", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "256k", "-map_metadata", "-1",
            "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact",
            "-movflags", "+faststart", "-f", "mp4", str(part.resolve()),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=room, capture_output=True, check=False)
        notes = done.stderr.decode("utf-8", "replace")
        if done.returncode:
            raise OutputError(f"the video was not made: {ffmpeg.reason(notes)}", where=path)
    missing = {chr(int(first or second, 16)) for first, second in _NO_GLYPH.findall(notes)}
    return tuple(sorted(missing))
