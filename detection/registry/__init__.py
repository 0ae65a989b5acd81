"""The registry: which model counts, on what evidence, where it comes from, and how it travels."""
