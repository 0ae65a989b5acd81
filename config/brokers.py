"""One Redis address for two clients that spell it differently."""

from urllib.parse import urlsplit


def broker_url(redis_url: str) -> str:
    """Spell a redis-py address the way Celery's transport wants it.

    Args:
        redis_url: ``redis://``, ``rediss://`` or, over a Unix socket, ``unix://:password@/path?db=0``.

    Returns:
        The same address; Unix sockets become ``redis+socket://``.
    """
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    return f"redis+socket://{parts.netloc}{parts.path}"
