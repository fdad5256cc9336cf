"""The demo's one app."""
