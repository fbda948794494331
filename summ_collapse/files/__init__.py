"""Reading the user's own files: columns and rows, with errors that name the line."""
