"""From the sources to the zip that students receive: the bank of mistakes, the lint, the notebooks and their times."""
