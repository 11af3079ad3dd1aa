"""From what students hand in to scores that are recorded."""
