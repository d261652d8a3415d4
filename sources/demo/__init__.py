"""The demo: an invented brand, a fortnight of what people said about it, and a network that goes on talking."""

from sources.demo.filling import fill
from sources.demo.invent import Demo, world

__all__ = ["Demo", "fill", "world"]
