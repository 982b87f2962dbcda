"""Simulated releases, and the rules that judge them side by side."""
