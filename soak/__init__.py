"""Long trials of what cuvee promises: whatever happens, nothing is lost, doubled or half-written."""
