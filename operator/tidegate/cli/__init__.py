"""The command line, `tidegate` and `kubectl tidegate`: for people at a terminal and for pipelines."""
