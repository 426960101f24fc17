"""Measurements with many procedures at once, on PostgreSQL: commands with figures, never timed tests."""
