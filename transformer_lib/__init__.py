"""The library behind *From Bigram to Transformer*: one concept a file, imports pointing down only.

Nothing is imported here, so that the parts which need no PyTorch (n-grams, tokenizers, data, exercises) load without it.
"""
