"""Signals from pods themselves, as the API server has them: no metrics server is asked."""
