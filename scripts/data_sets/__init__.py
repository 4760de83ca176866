"""Known data sets, and how they are fetched and verified."""
