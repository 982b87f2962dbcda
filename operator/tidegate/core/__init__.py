"""What to do next: pure functions from what is asked and what is seen to one decision.

Nothing here awaits, reads a clock, draws a random number or logs. The operator, the tests, the
simulator and the model checker all call the same `decide`.
"""
