"""The world, with nginx in front."""

from tests.support.world import world

__all__ = ["world"]
