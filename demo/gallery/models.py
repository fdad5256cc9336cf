"""What the demo saves: ordinary models with Django's own file fields."""

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.urls import reverse

File = tuple[str, Any, Any]
"""The name of a field, its file, and the stored crop or None."""


class Saved(models.Model):
    """Anything that was saved. It gives all kinds one row of ids, and so one page each."""

    created_at = models.DateTimeField(auto_now_add=True)

    KINDS = ("profile", "album", "checked", "backup", "product")

    def __str__(self) -> str:
        return f"Saved {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("saved", args=[self.pk])

    @property
    def kind(self) -> str:
        return next(kind for kind in self.KINDS if hasattr(self, kind))

    @property
    def thing(self) -> Any:
        """It as what it is."""
        return getattr(self, self.kind)


class Profile(Saved):
    """Two pictures made of one upload, by two forms."""

    name = models.CharField(max_length=80, blank=True)
    portrait = models.ImageField(upload_to="portraits", blank=True)
    portrait_crop = models.JSONField(null=True, blank=True)
    caption = models.CharField(max_length=120, blank=True)
    cover = models.ImageField(upload_to="covers", blank=True)
    cover_crop = models.JSONField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name or "Somebody"

    def files(self) -> Iterator[File]:
        if self.portrait:
            yield "portrait", self.portrait, self.portrait_crop
        if self.cover:
            yield "cover", self.cover, self.cover_crop


class Album(Saved):
    """Pictures in an order."""

    title = models.CharField(max_length=80)

    def __str__(self) -> str:
        return self.title

    def files(self) -> Iterator[File]:
        for photo in self.photos.all():
            yield "photos", photo.image, photo.crop


class Photo(models.Model):
    album = models.ForeignKey(Album, related_name="photos", on_delete=models.CASCADE)
    image = models.ImageField(upload_to="albums")
    crop = models.JSONField(null=True, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.image.name


class Checked(Saved):
    """A picture that passed."""

    picture = models.ImageField(upload_to="checked")

    def __str__(self) -> str:
        return "A picture that was checked"

    def files(self) -> Iterator[File]:
        yield "picture", self.picture, None


class Backup(Saved):
    """One file of any kind and size."""

    file = models.FileField(upload_to="backups", max_length=300)

    def __str__(self) -> str:
        return self.file.name.rpartition("/")[2]

    def files(self) -> Iterator[File]:
        yield "file", self.file, None


class Product(Saved):
    """Edited in the admin."""

    name = models.CharField(max_length=80)
    photo = models.ImageField(upload_to="products", blank=True)
    photo_crop = models.JSONField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return self.name

    def files(self) -> Iterator[File]:
        if self.photo:
            yield "photo", self.photo, self.photo_crop
        for detail in self.details.all():
            yield "details", detail.image, detail.image_crop


class Detail(models.Model):
    """One more photo of a product: a row of the admin's inline."""

    product = models.ForeignKey(Product, related_name="details", on_delete=models.CASCADE)
    caption = models.CharField(max_length=80, blank=True)
    image = models.ImageField(upload_to="products")
    image_crop = models.JSONField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.caption or self.image.name.rpartition("/")[2]
