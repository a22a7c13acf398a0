"""A prefix decoder: a language model that sees all of its prompt at once (Raffel et al. 2020, section 3.2.1).

No new weights: the same LanguageModel under another mask. What is predicted is still predicted from left to right; only
the prefix, which is given, is read in both directions (GLM-130B, U-PaLM).
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.architectures import LanguageModel
from transformer_lib.masks import prefix_mask


class PrefixLM(nn.Module):
    """A language model under the prefix mask.

    Args:
        model: Causal or already tuned as a prefix decoder; it is shared, not copied.
    """

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Int[Tensor, "B T"], prefix_lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each position; those inside the prefix have seen their answer.

        Args:
            tokens: Prefix and continuation.
            prefix_lengths: Tokens of each row that are seen from everywhere.
        """
        return self.model(tokens, mask=prefix_mask(prefix_lengths, tokens.shape[1]))
