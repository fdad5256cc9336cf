"""Forms with the fields swapped."""

from django import forms

from greenroom import Limits
from greenroom.forms import StagedFileField, StagedFilesField, StagedImageField, StagedImagesField

from .models import Album, Paper, Product


class ProductForm(forms.ModelForm):
    photo = StagedImageField(crop="4:3", limits=Limits(max_bytes="10 MB", types=["image/*"]), required=False)

    class Meta:
        model = Product
        fields = ["name", "photo"]


class OriginalForm(forms.ModelForm):
    photo = StagedImageField(crop="4:3", keep_original=True, crop_to="photo_crop")

    class Meta:
        model = Product
        fields = ["name", "photo"]


class PaperForm(forms.ModelForm):
    body = StagedFileField(allow_empty_file=True, memory="100 KB", limits=Limits(max_bytes="50 MB"))

    class Meta:
        model = Paper
        fields = ["title", "body"]


class BackupForm(forms.ModelForm):
    body = StagedFileField(limits=Limits(max_bytes="5 GB"))

    class Meta:
        model = Paper
        fields = ["title", "body"]


class PlainForm(forms.ModelForm):
    """Django's own field, for comparison."""

    class Meta:
        model = Paper
        fields = ["title", "body"]


class AlbumForm(forms.ModelForm):
    photos = StagedImagesField(crop="4:3", max_num=6, saved_crop="crop")

    class Meta:
        model = Album
        fields = ["title"]


class PapersForm(forms.Form):
    title = forms.CharField()
    papers = StagedFilesField(max_num=3, required=False, limits=Limits(max_bytes="1 MB"))
