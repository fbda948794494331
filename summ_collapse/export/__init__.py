"""What was selected, in the forms in which other trainers read it."""
