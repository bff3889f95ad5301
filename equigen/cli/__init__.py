"""The command line: one file for each command, which parses, calls the floors below, and says what came out."""
