"""Engines, the bulk labelling pipeline and the labelling server."""
