"""Output on terminals and pipes that cannot show every character: something plain in its place, never an error."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

HANDLER = "tandem.plain"
_PLAIN = {"…": ".", "→": ">", "–": "-", "━": "#", "╌": ".", "✓": "+", "✗": "x", "○": "."}
"""One character for one, because the width of a line must not change after it was fitted to the terminal."""


def tolerant(stream: TextIO) -> TextIO:
    """The stream, which from now on writes plain characters for those that its encoding lacks.

    Example:
        >>> import io
        >>> bytes_ = io.BytesIO()
        >>> stream = tolerant(io.TextIOWrapper(bytes_, "latin-1", write_through=True))
        >>> stream.write("é → ✓ 漢")
        7
        >>> bytes_.getvalue().decode("latin-1")
        'é > + ?'
    """
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors=HANDLER)
    return stream


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in lacking), error.end


codecs.register_error(HANDLER, _replace)
