"""What a finished experiment came to: results.json, tables, comparison; `figures` draws."""
