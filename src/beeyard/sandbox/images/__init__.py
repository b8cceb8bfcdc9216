"""The sandbox's images: built once, cached by content, from nothing but a Docker engine."""

from beeyard.sandbox.images.build import Images, Progress, State, build_all

__all__ = ["Images", "Progress", "State", "build_all"]
