"""The people and the slide of the labelling tests."""

from tests.labeling.conftest import field, make_field, own_media, people

__all__ = ["field", "make_field", "own_media", "people"]
