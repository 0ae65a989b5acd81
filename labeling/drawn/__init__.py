"""Tissue drawn from a seed, with every cell known."""
