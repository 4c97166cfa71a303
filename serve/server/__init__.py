"""The labelling server: HTTP service, jobs, and the page."""
