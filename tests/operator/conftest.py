"""The world that the operator's tests run in."""

from tests.support.world import world

__all__ = ["world"]
