"""A Django project with an upload form and little else, for Greenroom and for Django's own way."""
