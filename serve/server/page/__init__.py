"""The web page: files as they are sent."""
