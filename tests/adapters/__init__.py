"""The adapters, each against a server or a file of its own."""
