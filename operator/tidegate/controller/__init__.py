"""The running operator: kopf in front, a queue in the middle, one loop that decides and does."""
