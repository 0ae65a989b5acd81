"""Settings of the whole server; everything that differs between machines comes from the environment."""

import os
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.brokers import broker_url
from config.bucket import storages_from

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("TILSCOPE_DEBUG", default=False)
SECRET_KEY = env.str("TILSCOPE_SECRET_KEY", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set TILSCOPE_SECRET_KEY to a long random text, or start with ./run, which makes one.")
ALLOWED_HOSTS = env.list("TILSCOPE_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("TILSCOPE_TRUSTED_ORIGINS", default=[])
HTTPS = env.bool("TILSCOPE_HTTPS", default=False)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "axes",
    "pgtrigger",
    "pghistory",
    "config.apps.ServerConfig",
    "labeling.apps.LabelingConfig",
    "detection.apps.DetectionConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "labeling.tile_door.TileDoor",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.db("DATABASE_URL")}
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

AUTH_USER_MODEL = "labeling.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "config.handlers.locked_out"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "worker-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["config.auth.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "config.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "config.handlers.error_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "TILscope",
    "DESCRIPTION": "The cell counter that a pathology lab trains itself. Research software, no medical device.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "Role": "labeling.choices.Role",
        "SlideState": "labeling.choices.SlideState",
        "Source": "labeling.choices.Source",
        "ScaleSource": "labeling.choices.ScaleSource",
        "Shape": "labeling.choices.Shape",
        "Side": "labeling.choices.Side",
        "FreezeState": "labeling.choices.FreezeState",
        "Split": "labeling.choices.Split",
        "LabelVerdict": "labeling.choices.Verdict",
        "RunState": "detection.choices.RunState",
        "TrialState": "detection.choices.TrialState",
        "WhyStopped": "detection.choices.WhyStopped",
        "ModelStatus": "detection.choices.ModelStatus",
        "Verdict": "detection.choices.Verdict",
        "PromotionKind": "detection.choices.PromotionKind",
    },
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
FRONTEND_DIST = env.path("TILSCOPE_FRONTEND", default=str(BASE_DIR / "frontend" / "dist"))
WHITENOISE_ROOT = str(FRONTEND_DIST)
MEDIA_ROOT = env.str("TILSCOPE_MEDIA_ROOT", default=str(BASE_DIR / "media"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    **storages_from(os.environ),
}
MEDIA_CACHE_BYTES = env.int("TILSCOPE_MEDIA_CACHE_BYTES", default=20 * 1024**3)
UPLOAD_LIMIT_BYTES = env.int("TILSCOPE_UPLOAD_LIMIT_BYTES", default=64 * 1024**3)
MODEL_LIMIT_BYTES = env.int("TILSCOPE_MODEL_LIMIT_BYTES", default=512 * 1024**2)
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024**2
CODE_VERSION = env.str("TILSCOPE_CODE_VERSION", default="0.1.0")

CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 12 * 3600, "unacked_restore_throttle": 1}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "bells"
CELERY_TASK_ROUTES = {
    "labeling.tasks.ingest_slide": {"queue": "slides"},
    "labeling.tasks.finish_upload": {"queue": "slides"},
    "detection.tasks.detect": {"queue": "detection"},
    "detection.tasks.train": {"queue": "training"},
    # Minutes for a million patches: on the slides' worker they would hold up the bells, which that one answers.
    "labeling.tasks.freeze": {"queue": "detection"},
    # Seconds of work that somebody waits for: not behind a training of hours, but between two slices of a detection.
    "detection.tasks.compare": {"queue": "detection"},
    "detection.tasks.import_model": {"queue": "detection"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "wake what waits: slides": {"task": "labeling.tasks.reconcile", "schedule": 5.0, "options": {"expires": 15}},
    "wake what waits: runs": {"task": "detection.tasks.reconcile", "schedule": 5.0, "options": {"expires": 15}},
}
LEASE_S = env.float("TILSCOPE_LEASE_S", default=12.0)
LEASE_ATTEMPTS = 3

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"pyvips": {"level": "WARNING"}},
}
