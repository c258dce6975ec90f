"""Long trials of what cuvee promises: nothing is lost, doubled or half-written."""
