"""The one error that the sandbox raises: its text is meant for the person at the terminal."""


class SandboxError(Exception):
    """Something went wrong; the message says what, where, and what to do about it."""
