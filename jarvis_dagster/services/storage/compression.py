"""Which content is worth compressing; zstd does it.

Belongs here: the choice, and streams through zstd. Does not belong here: where
compressed content is kept.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["is_worth_it", "zstd_reader", "zstd_writer"]

LEVEL = 3
_LEAST_BYTES = 1024
_SAMPLE_BYTES = 64 << 10
_WORTH = 0.9  # of its size that a sample may have at most after compression
_COMPRESSED = {
    *("application/gzip", "application/pdf", "application/zip", "application/zstd"),
    *("application/x-bzip2", "application/x-xz", "application/x-7z-compressed"),
    *("application/vnd.rar", "application/java-archive", "application/epub+zip"),
    *("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/heic"),
}
_COMPRESSED_SUFFIXES = {
    *(".gz", ".tgz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rar", ".npz", ".lz4", ".br"),
    *(".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".pt", ".whl"),
}


def is_worth_it(stream: IO[bytes], size: int, media_type: str, name: str) -> bool:
    """Whether a stream of ``size`` bytes shrinks by a tenth: by its type, then by samples.

    Video, audio and what is compressed already are left alone unseen; of all
    else the beginning, the middle and the end are tried. The stream is at its beginning after.
    """
    if size < _LEAST_BYTES or media_type.startswith(("video/", "audio/")):
        return False
    suffix = "." + name.rsplit(".", 1)[-1].lower()
    if media_type in _COMPRESSED or suffix in _COMPRESSED_SUFFIXES:
        return False
    import zstandard

    before = after = 0
    for start in sorted({0, max(0, (size - _SAMPLE_BYTES) // 2), max(0, size - _SAMPLE_BYTES)}):
        stream.seek(start)
        sample = stream.read(_SAMPLE_BYTES)
        before += len(sample)
        after += len(zstandard.ZstdCompressor(level=1).compress(sample))
    stream.seek(0)
    return after < _WORTH * before


def zstd_writer(sink: IO[bytes], size: int) -> Any:
    """A stream whose content (``size`` bytes) is compressed into ``sink``; ends when closed."""
    import zstandard

    compressor = zstandard.ZstdCompressor(level=LEVEL)  # our own hash is kept
    return compressor.stream_writer(sink, size=size, closefd=False)


def zstd_reader(read: Callable[[int], bytes], size: int) -> Callable[[int], bytes]:
    """A read function for the content that ``read`` gives compressed.

    Never gives more than one byte beyond ``size``, however small a bomb was. The
    end of the frame is not proven: who reads must check size and hash.
    """
    import zstandard

    reader = zstandard.ZstdDecompressor().stream_reader(
        cast("IO[bytes]", _Readable(read)), read_across_frames=True
    )
    left = size + 1

    def take(count: int) -> bytes:
        nonlocal left
        data: bytes = reader.read(min(count, left)) if left else b""
        left -= len(data)
        return data

    return take


class _Readable:
    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.read = read
