"""Makes the data that the reading of text goes by. Needs `earful[train]`; nothing here is imported at run time."""
