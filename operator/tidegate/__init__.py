"""Tidegate: a progressive-delivery operator for Kubernetes that turns the tide back by itself."""

__version__ = "0.1.0"
