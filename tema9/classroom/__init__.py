"""The instructor's side: from the sources to notebooks, and from submissions to scores."""
