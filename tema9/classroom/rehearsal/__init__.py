"""Classes made from the bank of mistakes and of attacks, with the scores that they deserve."""
