"""Protocols of other tools: the Open Inference Protocol, and Label Studio ML backends."""
