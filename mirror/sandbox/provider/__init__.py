"""The provider that the sandbox plays: what it does with what clients ask for, in its own ways."""
