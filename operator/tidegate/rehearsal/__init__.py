"""A release played before it is real: a small cluster in virtual time around the one engine.

Pure like core: seconds pass when the play says so, and dice are handed in. The commands `lint`,
`simulate` and `backtest` are its callers.
"""
