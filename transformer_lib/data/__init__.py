"""Corpora, fetched once into a cache and checked by their hashes."""
