"""The one error of the launcher: words for a person, with the next step."""


class LauncherError(Exception):
    """Something a person can put right; shown without a traceback."""
