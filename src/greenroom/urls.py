"""`path("greenroom/", include("greenroom.urls"))`."""

from django.urls import path

from . import uploads, views

app_name = "greenroom"
urlpatterns = [
    path("uploads/", uploads.collection, name="uploads"),
    path("uploads/<str:upload_id>/", uploads.resource, name="upload"),
    # Clients take the slash off, and the draft forbids to send them where it is ("SHOULD NOT generate 301 and 302").
    path("uploads", uploads.collection),
    path("uploads/<str:upload_id>", uploads.resource),
    path("held/<str:token>/", views.facts, name="held"),
    path("proxy/<str:token>/", views.proxy, name="proxy"),
    path("preview/<str:token>/", views.preview, name="preview"),
    path("original/<str:token>/", views.original, name="original"),
]
