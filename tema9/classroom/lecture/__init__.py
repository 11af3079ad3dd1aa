"""What the lecturer shows on a screen: the slides, JupyterLab for teachers, and the pictures of the documentation."""
