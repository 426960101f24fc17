"""The seeded world's parts: what each record is (`model`), and who and what is in it."""
