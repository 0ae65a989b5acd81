"""The web server's door."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
# The addresses and all behind them are loaded now, not while the first person waits.
get_resolver().url_patterns  # noqa: B018
