"""The process in which pictures are decoded: `python -m greenroom.images.worker`.

Only the modules of this package import the imaging library, and only a worker imports them. A
picture that breaks the library then breaks a process that holds no secrets and is easily replaced.
"""
