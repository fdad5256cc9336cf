"""Settings of the servers that are measured. What differs between contenders comes from the environment:

BENCH_DIRECTORY  where everything is written
BENCH_DIGEST     "sha256", "blake3" or "none"; unset leaves Greenroom's default
"""

import os
from pathlib import Path

DIRECTORY = Path(os.environ["BENCH_DIRECTORY"])
DIGEST = os.environ.get("BENCH_DIGEST")

SECRET_KEY = "of-the-benchmark"  # noqa: S105 - it guards made-up bytes on 127.0.0.1
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.project.urls"
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "greenroom",
    "benchmarks.project",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "greenroom.middleware.GreenroomMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
if os.environ.get("BENCH_WITHOUT_GREENROOM"):  # so that Django is measured by itself
    MIDDLEWARE.remove("greenroom.middleware.GreenroomMiddleware")
    SILENCED_SYSTEM_CHECKS = ["greenroom.E006"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

DATABASES = {
    "default": {
        "CONN_MAX_AGE": None,
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

GREENROOM: dict[str, object] = {
    # One visitor sends hundreds of files here, and nobody comes to save them.
    "OWNER_UPLOADS": 1_000_000,
    "OWNER_BYTES": "1000 GB",
}
if DIGEST is not None:
    GREENROOM["DIGEST"] = None if DIGEST == "none" else DIGEST

LOGGING = {  # the log is read when an answer is not the expected one
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "ERROR"},
}
