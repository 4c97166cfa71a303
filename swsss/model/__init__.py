"""Model files: what they say of themselves, and what an engine that runs them looks like."""
