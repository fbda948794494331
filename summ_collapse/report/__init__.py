"""Tables and figures from a finished experiment."""
