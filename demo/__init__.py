"""The demo of Greenroom: a Django project that shows every job."""
