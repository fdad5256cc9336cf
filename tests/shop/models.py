"""Ordinary models with ordinary file fields."""

from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=50, unique=True)
    photo = models.ImageField(upload_to="products", blank=True)
    photo_crop = models.JSONField(null=True, blank=True)


class Paper(models.Model):
    title = models.CharField(max_length=50)
    body = models.FileField(upload_to="papers")


class Album(models.Model):
    title = models.CharField(max_length=50)


class Photo(models.Model):
    album = models.ForeignKey(Album, related_name="photos", on_delete=models.CASCADE)
    image = models.ImageField(upload_to="photos", width_field="width", height_field="height")
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    crop = models.JSONField(null=True, blank=True)
    position = models.IntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]


class Scan(Paper):
    """A child of a model with a file field, with one of its own and a crop kept as text."""

    page = models.ImageField(upload_to="scans", blank=True)
    page_crop = models.TextField(blank=True)
