"""Cuts off what a shared library carries beyond what the loader maps: debug information, symbols for linkers, section
headers. Wheels bring tens of megabytes of it. Done here since neither base image has binutils.
"""

import struct
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")  # Elf64_Ehdr: elf(5), little-endian as on all our platforms
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_MAGIC: Final = b"\x7fELF\x02\x01"


def strip(library: Path) -> None:
    """Keep the file up to the end of its last segment, and have its header name no sections."""
    content = library.read_bytes()
    if not content.startswith(_MAGIC):
        return
    header = list(_HEADER.unpack_from(content))
    segments_at, size, count = header[5], header[9], header[10]
    end = segments_at + size * count
    for index in range(count):
        _type, _flags, offset, _address, _physical, length, _memory, _align = _SEGMENT.unpack_from(
            content, segments_at + index * size
        )
        end = max(end, offset + length)
    header[6] = header[12] = header[13] = 0  # where section headers are, how many, which one holds their names
    library.write_bytes(_HEADER.pack(*header) + content[_HEADER.size : end])
