"""One form twice: with Greenroom's field, and with Django's."""

from django import forms

from greenroom import Limits
from greenroom.forms import StagedFileField

from .models import Paper


class StagedForm(forms.ModelForm):
    body = StagedFileField(limits=Limits(max_bytes="5 GB"))

    class Meta:
        model = Paper
        fields = ["body"]


class PlainForm(forms.ModelForm):
    class Meta:
        model = Paper
        fields = ["body"]
