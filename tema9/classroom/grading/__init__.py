"""Grading: from the files that students hand in to recorded scores."""
