"""People: the entries of the directory."""
