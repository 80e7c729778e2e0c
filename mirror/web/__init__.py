"""Browse: Datasette over mirror.db, with pages of our own. It only ever reads."""

from mirror.web.serve import create_datasette

__all__ = ["create_datasette"]
