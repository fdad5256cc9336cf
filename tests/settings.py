"""Django settings of the tests, of mypy's plugin and of the servers that tests start.

Everything that is written goes to one scratch directory per worker of pytest-xdist. It is named here and
in the environment, so that a server that a test starts meets the same files and the same database;
conftest.py makes and removes it.
"""

import os
import secrets
import tempfile
from pathlib import Path

os.environ.setdefault(
    "GREENROOM_TEST_SCRATCH", f"{tempfile.gettempdir()}/greenroom-tests-{secrets.token_hex(8)}"
)
SCRATCH = Path(os.environ["GREENROOM_TEST_SCRATCH"], os.environ.get("PYTEST_XDIST_WORKER", "main"))

SECRET_KEY = "of-the-tests"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "greenroom",
    "tests.shop",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
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
        "DIRS": [Path(__file__).parent / "templates"],
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

# A file, not memory: threads and other processes must meet the same database, as in life.
SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": SCRATCH / "db.sqlite3",
    "TEST": {"NAME": SCRATCH / "test.sqlite3"},
    "OPTIONS": {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;",
    },
}
# The directory of a PostgreSQL server's socket; scripts/check.py starts one and names it here.
POSTGRES = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "postgres",
    "USER": "greenroom",
    "HOST": os.environ.get("GREENROOM_TEST_POSTGRES", ""),
    "TEST": {"NAME": "test_" + os.environ.get("PYTEST_XDIST_WORKER", "main")},
}
DATABASES = {"default": POSTGRES if POSTGRES["HOST"] else SQLITE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATIC_ROOT = SCRATCH / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = SCRATCH / "media"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # logging in is not what we measure

GREENROOM: dict[str, object] = {}
