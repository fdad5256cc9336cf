"""The tests' project with one more page: a field that names its types."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from greenroom import Limits
from greenroom.forms import StagedFileField
from tests.shop.models import Paper
from tests.shop.views import model_form
from tests.urls import urlpatterns as others


class TypedForm(forms.ModelForm):
    body = StagedFileField(limits=Limits(types=["application/pdf"]))

    class Meta:
        model = Paper
        fields = ["title", "body"]


def typed(request: HttpRequest) -> HttpResponse:
    return model_form(request, TypedForm)


urlpatterns = [*others, path("typed/", typed)]
