"""django-file-form as its documentation sets it up, on the same database and with the same middleware as ours."""

import os
from pathlib import Path

DIRECTORY = Path(os.environ["BENCH_DIRECTORY"])

SECRET_KEY = "of-the-benchmark"  # noqa: S105 - it guards made-up bytes on 127.0.0.1
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.fileform.urls"
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django_file_form",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DIRECTORY / "db.sqlite3",
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = DIRECTORY / "media"
MEDIA_URL = "/media/"

# It reads each request whole, by `request.body`. Its browser part sends pieces; here one request is one file.
DATA_UPLOAD_MAX_MEMORY_SIZE = None
