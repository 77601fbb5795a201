from .plugin import MepOccupantsPlugin  # noqa: F401  # Gajim takes the first class that it finds here
