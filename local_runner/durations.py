"""How long something took, in words: one wording for the terminal, the report and the web page."""

from __future__ import annotations


def in_words(seconds: float | None) -> str:
    """Seconds as short text, a dash when unknown.

    Example:
        >>> [in_words(s) for s in (None, 0.0042, 1.26, 75, 3725)]
        ['–', '4 ms', '1.3 s', '1 min 15 s', '1 h 02 min']
    """
    if seconds is None:
        return "–"
    seconds = max(seconds, 0.0)  # a clock set back during a run must not show a negative time
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
