"""Links, one file each; a file registers its kind."""
