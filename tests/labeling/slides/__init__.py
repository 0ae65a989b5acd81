"""Tests of the pure imaging package."""
