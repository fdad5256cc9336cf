"""The core is tried on other disks, too."""

from tests.disks import other_device, small_disk

__all__ = ["other_device", "small_disk"]
