"""Mathematics in a page: formulas become outlines, so that they look the same in every browser and on paper.

The notation is matplotlib's subset of TeX. A formula in a line of text stands on that line's baseline.
"""

from __future__ import annotations

import re
from functools import lru_cache

from markupsafe import Markup, escape
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath, TextToPath

__all__ = ["displayed", "inline"]

_SIZE = 10.0  # points of a formula in units of its own outline; the page scales it by em
_INLINE = re.compile(r"\$([^$]+)\$")
_PER_EM = 1.06  # outlines of this font look a little smaller than the page's text
_COMMANDS = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C", Outline.CLOSEPOLY: "Z"}


def displayed(tex: str) -> Markup:
    """A formula on a line of its own, as an SVG element.

    Args:
        tex: without dollars.

    Raises:
        ValueError: what matplotlib does not understand.

    Example:
        >>> str(displayed("x^2")).startswith('<svg class="formula"')
        True
    """
    return Markup(_svg(tex, "formula"))


def inline(text: str) -> Markup:
    """A line of text as HTML: what stands between dollars becomes a formula, all else is escaped.

    Raises:
        ValueError: a dollar without its partner, or a formula that matplotlib does not understand.

    Example:
        >>> str(inline("a < b"))
        'a &lt; b'
        >>> str(inline("the variable $x$")).startswith('the variable <svg class="inline"')
        True
    """
    if text.count("$") % 2:
        raise ValueError(f"{text!r} has a dollar without its partner, but formulas stand between two: close it.")
    pieces = _INLINE.split(text)
    shown = [_svg(piece, "inline") if k % 2 else str(escape(piece)) for k, piece in enumerate(pieces)]
    return Markup("".join(shown))


@lru_cache(maxsize=1024)
def _svg(tex: str, kind: str) -> str:
    font = FontProperties(size=_SIZE, math_fontfamily="stix")
    source = f"${tex}$"
    try:
        width, height, depth = TextToPath().get_text_width_height_descent(source, font, ismath=True)
        outline = TextPath((0, 0), source, prop=font)
    except ValueError as error:
        fault = str(error).strip().splitlines()[-1]
        raise ValueError(f"the formula {tex!r} is not understood ({fault}): use matplotlib's mathtext.") from None
    # Outlines of this class are drawn at 72 units an inch, so one point is one unit.
    scale = _PER_EM / _SIZE
    pad = 0.06 * _SIZE
    box = f"0 {-(height - depth) - pad:.2f} {width:.2f} {height + 2 * pad:.2f}"
    size = f"width:{width * scale:.3f}em;height:{(height + 2 * pad) * scale:.3f}em"
    drop = f";vertical-align:{-(depth + pad) * scale:.3f}em" if kind == "inline" else ""
    name = escape(tex)
    return (
        f'<svg class="{kind}" role="img" aria-label="{name}" viewBox="{box}" style="{size}{drop}">'
        f'<path d="{_path(outline)}"/></svg>'
    )


def _path(outline: TextPath) -> str:
    """The outline in the words of SVG, whose second axis points down."""
    parts = []
    for points, code in outline.iter_segments(curves=True, simplify=False):
        pairs = [f"{x:.2f} {-y:.2f}" for x, y in points.reshape(-1, 2)] if code != Outline.CLOSEPOLY else []
        parts.append(_COMMANDS[code] + " ".join(pairs))
    return "".join(parts)
