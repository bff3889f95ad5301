"""The theorem of the design as premises, each checked alone: what makes the law of a model's samples invariant."""
