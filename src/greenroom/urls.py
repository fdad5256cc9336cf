"""`path("greenroom/", include("greenroom.urls"))`."""

from django.urls import path

from . import views

app_name = "greenroom"
urlpatterns = [
    path("preview/<str:token>/", views.preview, name="preview"),
    path("original/<str:token>/", views.original, name="original"),
]
