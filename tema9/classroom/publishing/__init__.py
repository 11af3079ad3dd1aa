"""From recorded scores to what people read: feedback, the report of the class, tables of scores."""
