"""URLs of the tests' Django project."""

from django.contrib import admin
from django.urls import include, path

from tests.shop import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("greenroom/", include("greenroom.urls")),
    path("product/", views.product),
    path("original/", views.original),
    path("paper/", views.paper),
    path("backup/", views.backup),
    path("plain/", views.plain),
    path("papers/", views.papers),
    path("album/", views.album),
    path("album/<int:pk>/", views.album),
    path("step-one/", views.step_one),
    path("step-two/", views.step_two),
    path("check/", views.check),
    path("direct/", views.direct),
]
