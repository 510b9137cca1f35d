"""`accelock rewrite`: a compiled requirements file, whoever made it, for a hardware target."""
