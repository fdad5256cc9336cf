"""Stores are tried on small disks, too."""

from tests.disks import few_files, small_disk

__all__ = ["few_files", "small_disk"]
