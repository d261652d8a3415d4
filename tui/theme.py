"""The colours. "terminal" uses the reader's own sixteen, so that it fits dark and light alike, costs few bytes over SSH
and needs nothing for NO_COLOR; "dark" and "light" bring their own."""

from __future__ import annotations

from functools import lru_cache

from rich.style import Style
from textual.theme import Theme

TERMINAL = Theme(
    name="terminal",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_blue",
    accent="ansi_magenta",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "border": "ansi_cyan",
        "border-blurred": "ansi_bright_black",
        "block-cursor-foreground": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-text-style": "reverse",
        "block-cursor-blurred-text-style": "reverse",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-background": "ansi_default",
        "input-cursor-text-style": "reverse",
        "input-selection-background": "ansi_cyan",
        "input-selection-foreground": "ansi_black",
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
    },
)
DARK = Theme(
    name="dark",
    primary="#7fc8d8",
    secondary="#8aa9e0",
    accent="#c7a0dc",
    warning="#e5c07b",
    error="#ef8a80",
    success="#93c98a",
    foreground="#d6d9de",
    background="#16191d",
    surface="#1d2126",
    panel="#252a31",
    dark=True,
)
LIGHT = Theme(
    name="light",
    primary="#0b6b82",
    secondary="#2f58a8",
    accent="#7a3b96",
    warning="#8a5a00",
    error="#b3261e",
    success="#2b6e2b",
    foreground="#1f2328",
    background="#fbfaf7",
    surface="#f1efe9",
    panel="#e6e3da",
    dark=False,
)
THEMES = (TERMINAL, DARK, LIGHT)


def following(name: str) -> str:
    """The theme after this one."""
    names = [theme.name for theme in THEMES]
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]


@lru_cache(256)
def lean(style: Style) -> Style:
    """A style without the colours that are the terminal's own: saying them costs bytes and changes nothing."""
    if not (style.color and style.color.is_default) and not (style.bgcolor and style.bgcolor.is_default):
        return style
    keep = style.without_color
    color = None if style.color is None or style.color.is_default else style.color
    back = None if style.bgcolor is None or style.bgcolor.is_default else style.bgcolor
    return keep + Style(color=color, bgcolor=back)
