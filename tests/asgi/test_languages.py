"""Uploads under URLs that begin with a language are uploads."""

from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path
from django.utils import translation

from greenroom.asgi import view_of


class Translated:
    """URLs as a project has them that speaks several languages; the default one has no prefix."""

    urlpatterns = i18n_patterns(path("greenroom/", include("greenroom.urls")), prefix_default_language=False)


@pytest.mark.parametrize("prefix", ["", "/de", "/fr"])
@pytest.mark.parametrize("active", ["en", "de"])
def test_the_language_is_that_of_the_path(settings: Any, prefix: str, active: str) -> None:
    settings.ROOT_URLCONF, settings.LANGUAGE_CODE = Translated, "en"
    scope = {"path": f"{prefix}/greenroom/uploads/", "root_path": ""}
    with translation.override(active):
        assert getattr(view_of(scope), "takes_raw_body", False)
        assert translation.get_language() == active


def test_who_is_not_there_is_nobody(settings: Any) -> None:
    settings.ROOT_URLCONF, settings.LANGUAGE_CODE = Translated, "en"
    assert view_of({"path": "/xx/greenroom/uploads/", "root_path": ""}) is None
