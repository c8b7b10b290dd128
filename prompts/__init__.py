"""What the writer is asked: the offline grammar (data) and, later, templates and the songbook."""
