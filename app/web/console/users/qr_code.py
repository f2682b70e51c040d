"""QR codes, as one path of an SVG that the template draws: no image of another host, and no style of its own."""

from dataclasses import dataclass
from typing import Final

import segno

_QUIET_ZONE: Final = 4  # modules around the code that stay light, as ISO/IEC 18004 asks


@dataclass(frozen=True, slots=True)
class QrCode:
    """The dark squares of a code, as the `d` of a path, and how many squares wide and high it is."""

    path: str
    size: int


def qr_code(text: str) -> QrCode:
    """The code of a text."""
    rows = list(segno.make_qr(text).matrix_iter(border=_QUIET_ZONE))
    dark = (f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return QrCode("".join(dark), len(rows))
