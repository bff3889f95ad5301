"""The page of a run that classifies."""
