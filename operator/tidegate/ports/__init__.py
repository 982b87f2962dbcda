"""What the controller needs from outside, as Protocols; adapters fill them, tests fake here."""
