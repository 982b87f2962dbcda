"""The command line, `tidegate` and `kubectl tidegate`: for people and for pipelines."""
