"""The user's own files: reading columns and rows, with errors that name the line; and what can be written."""
