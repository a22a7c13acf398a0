"""The exercises and the engine that diagnoses answers."""
