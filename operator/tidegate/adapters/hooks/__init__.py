"""Calls to Services around phases and runs."""
