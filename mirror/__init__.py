"""mirror: contacts, calendars, tasks and mail in one SQLite file."""

__version__ = "0.1.0"
