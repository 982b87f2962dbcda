"""The one command of the README: a good release goes through, a bad one comes back, in the open."""
