"""URLs of the project."""

from django.urls import include, path

from . import views

urlpatterns = [
    path("greenroom/", include("greenroom.urls")),
    path("page/", views.page),
    path("staged/", views.staged),
    path("plain/", views.plain),
    path("bare/", views.bare),
    path("floor/", views.floor),
]
