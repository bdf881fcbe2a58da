"""Numbers as tables print them."""

from __future__ import annotations


def format_estimate(value: float | None, low: float | None, high: float | None) -> str:
    """A value with its interval, as tables print it.

    >>> format_estimate(0.61234, 0.55, 0.66), format_estimate(0.5, None, None)
    ('0.612 [0.550, 0.660]', '0.500')
    """
    if value is None:
        return "-"
    return f"{value:.3f}" if low is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def format_p(value: float | None) -> str:
    """A p-value, as tables print it.

    >>> format_p(0.0421), format_p(0.0), format_p(None)
    ('0.042', '<0.001', '-')
    """
    return "-" if value is None else f"{value:.3f}" if value >= 0.001 else "<0.001"
