"""A Django project for django-file-form's tus endpoint."""
