"""Numbers and names as the report shows them."""

SPACE = "\N{NARROW NO-BREAK SPACE}"
_LONGEST = 240


def plain(text: str) -> str:
    """Text on one line, with what cannot be printed (control characters, bytes that are no UTF-8) as escapes."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == SPACE else letter.encode("unicode_escape").decode()
        for letter in text
    )


def shortened(text: str) -> str:
    """Text with its middle left out where it is very long, so that a page of many stays small."""
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}"


def number(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}".replace(",", SPACE)


def in_words(value: int) -> tuple[str, str]:
    """A large number and the word to read behind it: `45.1`, `million`; below a million there is none."""
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if value >= size:
            return f"{value / size:.1f}", word
    return number(value), ""


def percent(share: float) -> str:
    """A share (0..1) in percent, without a unit; what is little but not nothing, or nearly all, stays so."""
    if 0 < share < 0.0005:
        return f"<{SPACE}0.1"
    if 0.9995 <= share < 1:
        return f">{SPACE}99.9"
    return f"{100 * share:.1f}"


def percentage(share: float) -> str:
    """`percent` with its unit."""
    return f"{percent(share)}{SPACE}%"


def rate(value: float) -> str:
    """A number of three digits or more, whichever its size."""
    return number(round(value)) if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds in the two largest units that fit."""
    if seconds < 60:
        return f"{seconds:.3g}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{SPACE}min {rest}{SPACE}s"
    return f"{number(minutes // 60)}{SPACE}h {minutes % 60}{SPACE}min"


def many(value: int, one: str, several: str | None = None) -> str:
    """A count with its noun: `1 image`, `2 images`."""
    return f"{number(value)} {one if value == 1 else several or one + 's'}"
