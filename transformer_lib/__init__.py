"""The library behind *From Bigram to Transformer*: one concept a file, imports pointing down only.

Nothing is imported here, so that what needs no PyTorch (n-grams, tokenizers, data, exercises) loads without it.
"""
