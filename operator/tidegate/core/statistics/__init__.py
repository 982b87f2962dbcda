"""Is the canary worse than stable, or only unlucky? Pure functions from counts to evidence.

Nothing calls these rooms yet: gates that compare a canary with stable will. Until then they change
no verdict.

Every function here is total. What cannot be judged (a value that is no finite number, a negative
count, too few values) comes back as `Refused`, never as an exception and never as a pass.
`docs/explanation/statistics.md` says what is tested, and what is promised.
"""
