"""What `import swsss` offers: the commands' work as functions, their mistakes as objects, and nothing printed."""
