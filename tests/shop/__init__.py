"""A small project that uses Greenroom, for the tests of the Django app."""
