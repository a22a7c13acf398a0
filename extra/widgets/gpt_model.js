// The decoder alone, forward only: what transformer_lib/models/gpt.py builds, with parts that can be turned off.
//
//     layer: x <- x + attention(norm(x)), x <- x + feed-forward(norm(x));    logits = E norm(x)
//
// It takes its arithmetic from transformer.js, which is loaded before it.
"use strict";

(() => {
  const { linear, norm, attend, softmax, Transformer } = BookWidgets.transformer;
  const ROWS = 16; // positions between two pauses

  /** nn.GELU(approximate="tanh") */
  const gelu = (z) => 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z)));

  /** What may be turned off: heads are [layer, head], layers and feed-forward networks are numbers, all from 0. */
  const WHOLE = { heads: [], layers: [], feedForwards: [], positions: false, mask: false };

  class GPT extends Transformer {
    /** The bias of a layer; a model without biases has none in its norms either. */
    bias(name) { return this.config.bias ? this.tensor(`${name}.bias`) : null; }

    linear(name, x, O = this.config.d_model) {
      return linear(x, this.tensor(`${name}.weight`), this.bias(name), O);
    }

    norm(name, x) {
      return norm(x, this.tensor(`${name}.weight`), this.bias(name), this.config.norm_eps);
    }

    /** Token vectors, and the vectors of where they stand if those are on: (T, D). */
    embed(tokens, first, positions) {
      const D = this.config.d_model, x = new Float32Array(tokens.length * D);
      const table = this.tensor("embedding.tokens.weight"), places = this.tensor("embedding.positions.table.weight");
      for (let i = 0; i < x.length; i++) {
        x[i] = table[tokens[Math.floor(i / D)] * D + (i % D)] + (positions ? places[first * D + i] : 0);
      }
      return x;
    }

    feedForward(block, x) {
      const read = this.norm(`${block}.feed_forward_residual.norm`, x);
      return this.linear(`${block}.feed_forward.down`, this.linear(`${block}.feed_forward.up`, read, this.config.d_ff).map(gelu));
    }
  }

  const add = (x, y) => { for (let i = 0; i < x.length; i++) x[i] += y[i]; };

  function shared(a, b) {
    let n = 0;
    while (n < a.length && n < b.length && a[n] === b[n]) n++;
    return n;
  }

  /** A text as the model reads it with some parts off; what it has read is kept, and only what is new is computed. */
  class Reading {
    constructor(model, off = {}) {
      const { n_layers, context_length: C, d_model: D } = model.config;
      Object.assign(this, { model, off: { ...WHOLE, ...off }, tokens: [] });
      this.logits = [];  // of each position (V)
      this.weights = Array.from({ length: n_layers }, () => null); // of each layer that is on: [head][position](keys)
      this.caches = Array.from({ length: n_layers }, () => [new Float32Array(C * D), new Float32Array(C * D)]);
      this.kept = 0;     // positions whose keys and values are those of `tokens`
    }

    /** Read these tokens, at most context_length; pauses (yields) now and then, and may be given up at any pause. */
    *read(tokens) {
      const { model, off } = this, { d_model: D, n_heads: H, vocab_size: V } = model.config, T = tokens.length;
      const same = Math.min(shared(tokens, this.tokens), this.kept);
      const from = !off.mask || (same === T && T === this.tokens.length) ? same : 0; // without the mask all hear of it
      this.kept = from;
      const x = model.embed(tokens.slice(from), from, !off.positions), rows = (y, a, b) => y.subarray(a * D, b * D);
      const blocks = Array.from({ length: Math.ceil((T - from) / ROWS) }, (_, n) => [n * ROWS, Math.min((n + 1) * ROWS, T - from)]);
      const weights = this.weights.map((heads) => Array.from({ length: H }, (_, h) => heads?.[h].slice(0, from) ?? []));
      for (const [n, [k, v]] of this.caches.entries()) {
        if (off.layers.includes(n)) { weights[n] = null; continue; }
        const block = `blocks.${n}`, attention = `${block}.attention`, q = new Float32Array(x.length);
        for (const [a, b] of blocks) {
          const read = model.norm(`${block}.attention_residual.norm`, rows(x, a, b));
          q.set(model.linear(`${attention}.w_q`, read), a * D);
          k.set(model.linear(`${attention}.w_k`, read), (from + a) * D);
          v.set(model.linear(`${attention}.w_v`, read), (from + a) * D);
          yield;
        }
        for (const [a, b] of blocks) {
          const sees = (t) => (off.mask ? T : from + a + t + 1), stream = rows(x, a, b);
          const mixed = attend(rows(q, a, b), rows(k, 0, T), rows(v, 0, T), D, H, sees);
          mixed.weights.forEach((found, h) => weights[n][h].push(...found));
          for (const [, h] of off.heads.filter(([layer]) => layer === n)) {
            for (let t = 0; t < b - a; t++) mixed.out.fill(0, t * D + h * D / H, t * D + (h + 1) * D / H);
          }
          add(stream, model.linear(`${attention}.w_o`, mixed.out));
          if (!off.feedForwards.includes(n)) add(stream, model.feedForward(block, stream));
          yield;
        }
      }
      const scores = linear(model.norm("norm", x), model.tensor("embedding.tokens.weight"), null, V);
      const found = Array.from({ length: T - from }, (_, t) => scores.subarray(t * V, (t + 1) * V));
      Object.assign(this, { tokens: [...tokens], kept: T, weights, logits: [...this.logits.slice(0, from), ...found] });
    }

    /** -log2 p of each token read; the first, which nothing foretells, is charged a uniform guess. */
    bits() {
      return this.tokens.map((token, t) => (t ? surprise(this.logits[t - 1], token) : Math.log2(this.model.config.vocab_size)));
    }
  }

  /** -log2 p(token), with p the softmax of logits. */
  const surprise = (logits, token) => -Math.log2(softmax(logits)[token]);

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  /** Bits per character of a text of any length: transformer_lib.training.evaluate, half of each window already scored. */
  function* score(model, off, tokens) {
    const C = model.config.context_length, overlap = Math.floor(C / 2), bits = [], last = tokens.length - 1;
    if (last < 1) return Math.log2(model.config.vocab_size);
    for (let start = 0; start === 0 || start < last - overlap; start += C - overlap) {
      const reading = new Reading(model, off), end = Math.min(start + C, last); // the last character need not be read
      yield* reading.read(tokens.slice(start, end));
      bits.push(...[...reading.bits(), surprise(reading.logits.at(-1), tokens[end])].slice(start ? overlap + 1 : 0));
    }
    return mean(bits);
  }

  BookWidgets.gpt_model = { GPT, Reading, WHOLE, score, mean };
})();
