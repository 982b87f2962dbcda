"""Few examples and always the same ones, as in tests/properties."""

from hypothesis import settings

settings.register_profile(
    "rehearsal", derandomize=True, deadline=None, database=None, max_examples=40
)
settings.load_profile("rehearsal")
