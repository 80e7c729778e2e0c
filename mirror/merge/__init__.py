"""Three ways merged: what an edit wants, what it was based on, and what upstream has by now. Pure functions over JSON."""

from __future__ import annotations

from mirror.merge.comparing import WHEN, apply, basis, differences, same
from mirror.merge.threeway import Choice, Given, Merged, Overlap, merge, resolve

__all__ = ["WHEN", "Choice", "Given", "Merged", "Overlap", "apply", "basis", "differences", "merge", "resolve", "same"]
