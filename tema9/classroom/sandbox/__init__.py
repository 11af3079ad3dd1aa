"""Where students' code runs, and all that the security of grading rests on."""
