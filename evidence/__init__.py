"""Evidence: each file runs one method's own central claim. `cuvee evidence` runs them."""
