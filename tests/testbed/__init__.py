"""Real servers and exact clients: what the end-to-end tests and the demo stand on."""

from .client import Client, Event, error_of
from .prosody import Prosody

__all__ = ["Client", "Event", "Prosody", "error_of"]
