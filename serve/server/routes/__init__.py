"""The HTTP routes, a module a topic."""
