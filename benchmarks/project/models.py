"""What a form saves."""

from django.db import models


class Paper(models.Model):
    body = models.FileField(upload_to="papers")
