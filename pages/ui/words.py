"""Numbers as people read them: thin spaces never, units always, signs on every difference."""

import re
import time

MINUS = "−"
TORCHINFO = (
    "torchinfo's mult-adds also count biases and the scales of batch norms; MACs elsewhere on these pages do not."
)


def count(n: float) -> str:
    """1234567 → '1,234,567'."""
    return f"{n:,.0f}"


def short(n: float) -> str:
    """1234567 → '1.23 M' (three digits)."""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if n >= limit:
            return f"{n / limit:#.3g}".rstrip(".") + unit if n < 100 * limit else f"{n / limit:.0f}{unit}"
    return f"{n:.0f}"


def size(n: float) -> str:
    """Bytes → '4.90 MB' (decimal units)."""
    return f"{short(n).replace(' k', ' kB').replace(' M', ' MB').replace(' G', ' GB')}" if n >= 1000 else f"{n:.0f} B"


def percent(share: float | None, digits: int = 2) -> str:
    """0.9213 → '92.13 %'."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def signed(value: float, digits: int, unit: str) -> str:
    """-3.14159 → '−3.1 unit'; what rounds to nothing is '±0 unit'."""
    rounded = round(value, digits)
    sign = "±" if rounded == 0 else "+" if rounded > 0 else MINUS
    return f"{sign}{abs(rounded):.{digits if rounded else 0}f} {unit}"


def change(before: float, after: float) -> str:
    """Relative difference: (100, 60) → '−40.0 %'."""
    return signed(100 * (after - before) / before, 1, "%") if before else "–"


def points(before: float, after: float) -> str:
    """Difference of two shares in percentage points: (0.92, 0.91) → '−1.00 pp'."""
    return signed(100 * (after - before), 2, "pp")


def duration(seconds: float | None) -> str:
    """125 → '2 min 5 s'."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return "under 1 s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def roughly(seconds: float) -> str:
    """125 → 'about 2 min': for estimates, where the seconds would be a pretence."""
    if seconds < 55:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    if seconds < 5400:
        return f"about {max(1, round(seconds / 60))} min"
    return f"about {seconds / 3600:.1f} h"


def ago(moment: float | None, now: float | None = None) -> str:
    """Seconds since the epoch → '5 min ago'."""
    if not moment:
        return "–"
    passed = (now or time.time()) - moment
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if passed >= length:
            return f"{int(passed // length)} {unit} ago"
    return "just now"


def plain(text: str) -> str:
    """Text from elsewhere (paths, messages, notes) with everything escaped that markdown would read as a sign."""
    return re.sub(r"([\\*_`\[\]#~$<>|])", r"\\\1", text)


def plural(n: int, thing: str) -> str:
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"
