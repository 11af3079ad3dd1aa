"""From the sources to what students get: the bank of mistakes, the lint, the notebooks, their times, the zip."""
