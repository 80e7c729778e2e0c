"""A deterministic simulator: the real mirror against the real sandbox, with a virtual clock and every kind of trouble.

A seed is a random setting and a random story: upstream changes between any two requests, the wire lies and breaks, the
process dies between any two writes. When it has become quiet, the mirror must hold exactly what upstream holds, and its
history exactly what it was told. It never opens a socket and never reads the machine's clock.
"""
