"""Django settings of the demo. What it keeps is in one directory, DATA (by default demo/var)."""

import os
from pathlib import Path

from .secret_key import secret_key

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("DATA") or HERE / "var").absolute()
DATA.mkdir(parents=True, exist_ok=True)
SAMPLES = HERE / "samples"

SECRET_KEY = secret_key(DATA / "secret-key")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ROOT_URLCONF = "demo.urls"
WSGI_APPLICATION = "demo.wsgi.application"

INSTALLED_APPS = [
    "demo.gallery",  # before greenroom, whose page about a refused file it dresses in its own layout
    "greenroom",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "demo.gallery.strict.strict_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "greenroom.middleware.GreenroomMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "db.sqlite3",
        "CONN_MAX_AGE": None,  # whoever closes the last connection has to tidy up the write-ahead log, each time
        "OPTIONS": {
            # Readers and one writer at a time: the write-ahead log lets them work beside each other, and who
            # will write says so at once and waits, and is not refused in the middle of a transaction.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # straight from the apps: there is nothing to collect
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA / "media"  # and what is held is in DATA/greenroom-held beside it

LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"

GREENROOM = {
    "OWNER_BYTES": "12 GB",  # two of the largest backups at once
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
