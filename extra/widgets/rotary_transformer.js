// The Transformer with later parts, forward only: what transformer_lib/models/rotary_transformer.py builds.
//
//     encoder layer: x <- x + self-attention(norm(x)), x <- x + feed-forward(norm(x)), and a norm after the last
//     decoder layer: the same, with attention to the encoder's output between the two
//
// Queries and keys of self-attention are turned by their positions; nothing is added to the token vectors. It takes its
// arithmetic from transformer.js, which is loaded before it.
"use strict";

BookWidgets.RotaryTransformer = (() => {
  const { linear, norm, attend, Transformer } = BookWidgets.transformer;
  const BASE = 10_000;

  /** The error function, to 2e-7 (Abramowitz and Stegun 1964, 7.1.26). */
  function erf(z) {
    const t = 1 / (1 + 0.3275911 * Math.abs(z));
    const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(z) * (1 - tail * Math.exp(-z * z));
  }

  /** nn.GELU() */
  const gelu = (z) => 0.5 * z * (1 + erf(z / Math.SQRT2));

  /** x + y, in place. */
  const add = (x, y) => { for (let i = 0; i < x.length; i++) x[i] += y[i]; };

  class RotaryTransformer extends Transformer {
    norm(name, x) {
      return norm(x, this.tensor(`${name}.weight`), this.tensor(`${name}.bias`));
    }

    /** Token vectors times sqrt(D). */
    embed(side, tokens) {
      const D = this.config.d_model, table = this.tensor(`${side}_embedding.tokens.weight`);
      return Float32Array.from({ length: tokens.length * D },
        (_, i) => table[tokens[Math.floor(i / D)] * D + (i % D)] * Math.sqrt(D));
    }

    /** Queries or keys (T, D) from position `first`, in place: feature i of a head turns with feature i + width / 2. */
    turn(x, first = 0) {
      const { d_model: D, n_heads } = this.config, width = D / n_heads, half = width / 2;
      for (let from = 0; from < x.length; from += width) {
        const position = first + Math.floor(from / D);
        for (let i = from; i < from + half; i++) {
          const angle = position / BASE ** ((i - from) / half), cos = Math.cos(angle), sin = Math.sin(angle);
          [x[i], x[i + half]] = [x[i] * cos - x[i + half] * sin, x[i + half] * cos + x[i] * sin];
        }
      }
      return x;
    }

    /** Add a sublayer's output to the stream. */
    feedForward(layer, x) {
      const read = this.norm(`${layer}.feed_forward_residual.norm`, x);
      const up = this.linear(`${layer}.feed_forward.up`, read, this.config.d_ff).map(gelu);
      add(x, this.linear(`${layer}.feed_forward.down`, up));
    }

    encode(source) {
      const { d_model: D, n_layers, n_heads } = this.config, x = this.embed("source", source);
      for (let n = 0; n < n_layers; n++) {
        const layer = `encoder.${n}`, read = this.norm(`${layer}.attention_residual.norm`, x);
        const [q, k, v] = ["q", "k", "v"].map((w) => this.linear(`${layer}.attention.w_${w}`, read));
        const { out } = attend(this.turn(q), this.turn(k), v, D, n_heads);
        add(x, this.linear(`${layer}.attention.w_o`, out));
        this.feedForward(layer, x);
      }
      return this.norm("encoder_norm", x);
    }

    step(place, token) {
      const { d_model: D, n_heads, vocab_size } = this.config, at = place.length, end = (at + 1) * D;
      const x = this.embed("target", [token]);
      const weights = place.layers.map(({ source, target }, n) => {
        const layer = `decoder.${n}`, read = this.norm(`${layer}.attention_residual.norm`, x);
        const [q, k, v] = ["q", "k", "v"].map((w) => this.linear(`${layer}.attention.w_${w}`, read));
        [this.turn(k, at), v].forEach((row, i) => target[i].set(row, end - D));
        const own = attend(this.turn(q, at), ...target.map((kv) => kv.subarray(0, end)), D, n_heads);
        add(x, this.linear(`${layer}.attention.w_o`, own.out));
        const asked = this.linear(`${layer}.cross_attention.w_q`, this.norm(`${layer}.cross_residual.norm`, x));
        const cross = attend(asked, ...source, D, n_heads);
        add(x, this.linear(`${layer}.cross_attention.w_o`, cross.out));
        this.feedForward(layer, x);
        return cross.weights.map(([row]) => row);
      });
      place.length += 1;
      const read = this.norm("decoder_norm", x);
      return { logits: linear(read, this.tensor("target_embedding.tokens.weight"), null, vocab_size), weights };
    }
  }

  return RotaryTransformer;
})();
