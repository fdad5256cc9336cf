"""Every page of the demo; README.md lists them with the names of their form fields."""

from django.contrib import admin
from django.urls import include, path

from demo.gallery.views import album, backup, card, check, saved, start, two_step

admin.site.site_header = admin.site.site_title = "Greenroom’s demo"

urlpatterns = [
    path("", start.start, name="start"),
    path("two-step/", two_step.upload, name="two-step"),
    path("two-step/details/", two_step.details, name="two-step-details"),
    path("album/", album.album, name="album"),
    path("album/<int:pk>/", album.album, name="album-again"),
    path("portrait/", card.card, name="portrait"),
    path("check/", check.check, name="check"),
    path("check/direct/", check.direct, name="check-direct"),
    path("backup/", backup.backup, name="backup"),
    path("saved/<int:pk>/", saved.page, name="saved"),
    path("saved/<int:pk>.json", saved.as_json, name="saved-json"),
    path("media/<path:name>/preview", saved.preview, name="media-preview"),
    path("media/<path:name>", saved.served, name="media"),
    path("samples/<str:name>", start.sample, name="sample"),
    path("samples/<str:name>/preview", start.sample_preview, name="sample-preview"),
    path("greenroom/", include("greenroom.urls")),
    path("admin/", admin.site.urls),
]
