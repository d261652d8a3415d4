"""Word lists, one file a language, hand-written for this program; read by `sources.text.lexicon`.

A section in brackets, then entries with commas between: a word or phrase, `*` where any ending may follow, `= 2.5`
where its weight is not 2. Diacritics are written; people who leave them out are understood all the same, except where
`[spelling] exact` says that a text with diacritics means what it spells (Vietnamese). Another language is another file.
"""
