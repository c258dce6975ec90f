"""Checks that every method must pass, and problems with planted answers. Public: use them."""
