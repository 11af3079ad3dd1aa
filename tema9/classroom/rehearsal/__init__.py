"""Rehearsed classes: submissions made from the bank of mistakes and from attacks, with the scores they deserve."""
