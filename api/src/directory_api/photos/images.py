"""Owns what becomes of an uploaded picture: decoded to know what it is, turned upright, stripped, and encoded anew.

Nothing of the upload survives but its pixels: no metadata (EXIF places people at home), no trailing data, no format
that a browser might take for something else.
"""

import asyncio
import io
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from directory_api.errors import Problem

FORMATS: Final = ("JPEG", "PNG", "WEBP")
CONTENT_TYPE: Final = "image/jpeg"
ORIGINAL: Final = 1024
"""Longest side, in pixels, of what is kept as the photo."""
THUMBNAILS: Final = (64, 256)
"""Squares, in pixels."""


@dataclass(frozen=True, slots=True)
class Studio:
    """Processes one picture at a time: a large one takes 100 MB for a moment, and a pod has a few hundred."""

    max_pixels: int
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "pictures"))

    async def process(self, upload: bytes) -> "Photo":
        """As `processed`, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, processed, upload, self.max_pixels)

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Photo:
    """The encoded picture, and its thumbnails by size."""

    picture: bytes
    thumbnails: dict[int, bytes]
    width: int
    height: int

    @property
    def digest(self) -> str:
        return sha256(self.picture).hexdigest()


def processed(upload: bytes, max_pixels: int) -> Photo:
    """Raise `Problem` for what is no picture, of another format, or larger than `max_pixels` once decoded."""
    try:
        with warnings.catch_warnings():
            # Of many pixels: our own limit is checked below. Of odd metadata: it is dropped, and callers write no logs.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(upload), formats=FORMATS) as opened:
                _check_size(opened, max_pixels)
                turn = _turn(opened)
                reduced = _reduced(opened)
                plain = _on_white(reduced.transpose(turn) if turn is not None else reduced)
    except UnidentifiedImageError:
        raise _unsupported() from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(max_pixels) from None
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, ArithmeticError, struct.error):
        # All of these Pillow raises at one or the other broken file.
        raise Problem(422, "broken_image", "The picture cannot be decoded.") from None
    squares = {size: _encoded(ImageOps.fit(plain, (size, size), Image.Resampling.LANCZOS)) for size in THUMBNAILS}
    return Photo(_encoded(plain), squares, plain.width, plain.height)


def _check_size(picture: Image.Image, max_pixels: int) -> None:
    """Before anything is decoded: a header of a few bytes can announce gigabytes."""
    if picture.width * picture.height > max_pixels:
        raise _too_many_pixels(max_pixels)


_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn a picture of each EXIF orientation upright."""


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """Not ImageOps.exif_transpose: it writes the metadata anew, and fails on what only has to be ignored."""
    try:
        return _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - whatever its metadata holds, the picture is a picture
        return None


def _reduced(picture: Image.Image) -> Image.Image:
    """The picture at the size that is kept, before anything else copies it: memory is what uploads can exhaust.

    A JPEG is decoded at a smaller scale to begin with. Palettes cannot be blended: they are looked up first.
    """
    smaller = picture.convert("RGBA") if picture.mode == "P" else picture
    smaller.thumbnail((ORIGINAL, ORIGINAL), Image.Resampling.LANCZOS)
    return smaller


def _on_white(picture: Image.Image) -> Image.Image:
    """Opaque RGB, as JPEG needs it. Copied pixel by pixel, so that no metadata comes along."""
    with_alpha = picture.convert("RGBA")
    plain = Image.new("RGB", picture.size, "white")
    plain.paste(with_alpha, mask=with_alpha.getchannel("A"))
    return plain


def _encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85, optimize=True, progressive=True)
    return buffer.getvalue()


def _unsupported() -> Problem:
    return Problem(415, "unsupported_image", f"Send a picture in one of these formats: {', '.join(FORMATS)}.")


def _too_many_pixels(max_pixels: int) -> Problem:
    return Problem(413, "image_too_large", f"The picture may have at most {max_pixels} pixels.")
