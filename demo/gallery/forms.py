"""The forms. Only their file fields are not Django's own."""

from django import forms

from greenroom import Limits
from greenroom.forms import StagedFileField, StagedImageField, StagedImagesField
from greenroom.images import min_pixels, not_blank

from .models import Album, Backup, Checked, Detail, Product, Profile

PICTURES = Limits(max_bytes="20 MB", types=["image/*"])
CHECKED = Limits(max_bytes=2_000_000, types=["image/*"])


class UploadForm(forms.Form):
    """The first of two views: the picture, and nothing else yet."""

    picture = StagedImageField(limits=PICTURES)


class PortraitForm(forms.ModelForm):
    portrait = StagedImageField(crop="1:1", crop_to="portrait_crop", limits=PICTURES)

    class Meta:
        model = Profile
        fields = ["name", "portrait"]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True


class CoverForm(forms.ModelForm):
    cover = StagedImageField(crop="16:9", crop_to="cover_crop", limits=PICTURES)

    class Meta:
        model = Profile
        fields = ["caption", "cover"]


class CardForm(forms.ModelForm):
    """Nothing is sent before the crop is applied."""

    portrait = StagedImageField(
        crop="1:1",
        crop_to="portrait_crop",
        limits=PICTURES,
        inspectors=[min_pixels(300, 300)],
        transfer="accept",
    )

    class Meta:
        model = Profile
        fields = ["name", "portrait"]


class AlbumForm(forms.ModelForm):
    photos = StagedImagesField(crop="4:3", max_num=24, saved_crop="crop", limits=PICTURES, label="Pictures")

    class Meta:
        model = Album
        fields = ["title"]


class CheckForm(forms.ModelForm):
    picture = StagedImageField(limits=CHECKED, inspectors=[not_blank()], transfer="save")

    class Meta:
        model = Checked
        fields = ["picture"]


class BackupForm(forms.ModelForm):
    file = StagedFileField(limits=Limits(max_bytes="5 GB", allow_empty=True), allow_empty_file=True)

    class Meta:
        model = Backup
        fields = ["file"]


class ProductForm(forms.ModelForm):
    photo = StagedImageField(crop="4:3", crop_to="photo_crop", limits=PICTURES, required=False)

    class Meta:
        model = Product
        fields = ["name", "photo"]


class DetailForm(forms.ModelForm):
    image = StagedImageField(crop="1:1", crop_to="image_crop", limits=PICTURES)

    class Meta:
        model = Detail
        fields = ["image", "caption"]
