"""What is shown on a screen: the slides, JupyterLab as a teacher opens it, the pictures of the README."""
