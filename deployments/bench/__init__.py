"""How long a procedure takes from what wakes it to what it does: the worker types, and two other engines."""
