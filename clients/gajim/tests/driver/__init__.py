from .plugin import DriverPlugin  # noqa: F401
