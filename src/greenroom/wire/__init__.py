"""Bytes and headers in, events and documents out. Nothing here does IO or knows Django."""
