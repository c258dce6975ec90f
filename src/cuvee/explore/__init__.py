"""A page on this machine where shares and budget are dragged, and the losses move along."""

from cuvee.explore.server import Explorer, explore, served
from cuvee.explore.session import Session

__all__ = ["Explorer", "Session", "explore", "served"]
