"""Other programs' files into records of the upstream API's shapes: vCard, iCalendar, MIME, mbox, HTML.

Pure functions from bytes to values. Nothing here reads a clock, opens a connection, or invents ids, etags and times.
"""
