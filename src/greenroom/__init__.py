"""Greenroom: uploads wait here, from the moment they are picked until the form is saved."""

__version__ = "0.1.0"
