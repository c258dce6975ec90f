"""Where does it run? Results never depend on the number of workers."""

METHODS = {"local": "cuvee.engine.local:Local"}
