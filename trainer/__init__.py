"""The spoken language model; and what trains the embedded recognizer, codec and speaker net, and fits their limits."""
