"""Fillings of the ports: the only places that speak to something outside the process."""
