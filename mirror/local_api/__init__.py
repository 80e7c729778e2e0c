"""The mirror's own API: the contract that upstream keeps, answered from the mirror, offline. It never asks upstream anything."""
