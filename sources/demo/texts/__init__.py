"""What the invented people say, one file a language: `[kind]`, then one template a line; `{slot}` is filled in from the
file's own `[slots]` or from those that all languages share."""
