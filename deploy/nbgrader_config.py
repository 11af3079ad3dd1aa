"""nbgrader for the students of a server: SRV/students/etc/jupyter/nbgrader_config.py."""

c = get_config()  # noqa: F821, nbgrader defines it
c.CourseDirectory.course_id = "tema9"  # otherwise fetch and submit ask for --course
c.Exchange.root = "/srv/tema9/exchange"  # which `tema9 release --exchange` was given
