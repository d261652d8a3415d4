"""Deep reading, optional: texts as vectors, in which the same thing said in other words or languages lies close by.

Nothing here is imported before an engine is wanted, and numpy comes with the engine's package.
"""
