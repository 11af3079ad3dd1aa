"""From recorded scores to what people read: the feedback, the report of the class and the tables of scores."""
