"""A mixture in the plane: its score measured, and learned."""
