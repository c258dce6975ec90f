"""Verbs that look at documents one by one: choosing, cleaning, describing. Here rooms meet."""
