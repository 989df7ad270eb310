"""Readings of a plan or a report, each in a file of its own; all of them pure."""
