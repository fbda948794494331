"""What the papers predict."""
