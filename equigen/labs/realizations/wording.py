"""Numbers of the lab realizations in words."""

from __future__ import annotations

__all__ = ["told"]


def told(gap: float) -> str:
    """A distance: rounding as a power of ten, more than that in digits.

    Example:
        >>> told(0.0), told(2e-16), told(0.09)
        ('0', '2e-16', '0.090')
    """
    if gap == 0.0:
        return "0"
    return f"{gap:.0e}" if gap < 1e-3 else f"{gap:.3f}"
