"""Tags: what others say about addresses, checked row by row, with who says so."""

from __future__ import annotations

from chainflow.tags.conflicts import Conflict
from chainflow.tags.tag import CONFIDENCE, Actor, Rejected, Tag, TagFile
from chainflow.tags.tags import Tags
from chainflow.tags.taxonomy import CONCEPTS, Concept

__all__ = ["CONCEPTS", "CONFIDENCE", "Actor", "Concept", "Conflict", "Rejected", "Tag", "TagFile", "Tags"]
