"""The command line: the only package that prints, and that decides an exit code."""
