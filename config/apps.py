"""The server's own app: start-up checks and the health of its processes."""

from django.apps import AppConfig


class ServerConfig(AppConfig):
    """Registers the start-up checks."""

    name = "config"
    label = "server"

    def ready(self) -> None:
        """Load the checks and the schema's extensions."""
        from config import checks, schema  # noqa: F401
