"""A Rollout as people and other programs see it: conditions, events, and the story in text."""
