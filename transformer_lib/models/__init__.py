"""The models, each a configuration beside its builder."""
