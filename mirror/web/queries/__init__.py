"""The SQL of the pages, a module for each page. Statements only read, and find their rows by an index."""
