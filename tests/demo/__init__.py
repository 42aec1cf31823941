"""`make demo`: a good release and a bad one, played for a person to look at."""
