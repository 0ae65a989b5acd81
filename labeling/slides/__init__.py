"""Pure imaging: open a slide, read regions of it, build pyramids, tiles and patches. Knows no Django."""
