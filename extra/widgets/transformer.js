// The Transformer of 2017, forward only: what transformer_lib/models/transformer.py builds, on the weights it stored.
//
//     encoder layer: x <- norm(x + self-attention(x)), x <- norm(x + feed-forward(x))
//     decoder layer: the same, with attention to the encoder's output between the two, and no look ahead
//
// A widget that needs it loads it when it needs it. Rows lie one after another in Float32Arrays: (T, D) is T * D numbers.
"use strict";

BookWidgets.transformer = (() => {
  const BASE = 10_000, EPSILON = 1e-5;

  /** {name: Float32Array} from the bytes of a safetensors file: the header's length, the header as JSON, the numbers. */
  function parse(bytes) {
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    delete header.__metadata__;
    const tensor = ({ dtype, data_offsets: ends }) => {
      const [from, to] = ends.map((end) => 8 + length + end);
      const own = bytes.slice(from, to).buffer; // a copy starts where numbers may start
      if (dtype === "F32") return new Float32Array(own);
      if (dtype === "F16") return floats(new Uint16Array(own));
      throw new Error(`dtype ${dtype} is not read here: store F16 or F32`);
    };
    return Object.fromEntries(Object.entries(header).map(([name, entry]) => [name, tensor(entry)]));
  }

  /** The value of each of the 65,536 halves: sign, five bits of exponent, ten of fraction. */
  const HALVES = Float32Array.from({ length: 2 ** 16 }, (_, half) => {
    const sign = half >> 15 ? -1 : 1, exponent = (half >> 10) & 31, fraction = (half & 1023) / 1024;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14);
  });

  function floats(halves) {
    const values = new Float32Array(halves.length);
    for (let i = 0; i < values.length; i++) values[i] = HALVES[halves[i]]; // ten times as fast as Float32Array.from
    return values;
  }

  /** Base64 to bytes. */
  function bytesOf(text) {
    const binary = atob(text), bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  }

  /** {name: Float32Array} from what _ext/weights.py packed: a character is a level from -31 to 31 times its row's scale. */
  function unpack(packed) {
    const halves = (text) => floats(new Uint16Array(bytesOf(text).buffer));
    const level = new Int8Array(128);
    [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+"].forEach((letter, i) => { level[letter.charCodeAt(0)] = i - 31; });
    const tensor = ({ halves: text, scales, levels }) => {
      if (text !== undefined) return halves(text);
      const scale = halves(scales), columns = levels.length / scale.length;
      return Float32Array.from({ length: levels.length }, (_, i) => scale[Math.floor(i / columns)] * level[levels.charCodeAt(i)]);
    };
    return Object.fromEntries(Object.entries(packed).map(([name, entry]) => [name, tensor(entry)]));
  }

  /** x W^T + b for each row of x (T, I): (T, O), with W (O, I) and 4 | I: four sums at once do not wait for each other. */
  function linear(x, W, b, O) {
    const I = W.length / O, T = x.length / I, y = new Float32Array(T * O);
    for (let o = 0; o < O; o++) {
      const row = o * I;
      for (let t = 0; t < T; t++) {
        const from = t * I;
        let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (let i = 0; i < I; i += 4) {
          s0 += W[row + i] * x[from + i];
          s1 += W[row + i + 1] * x[from + i + 1];
          s2 += W[row + i + 2] * x[from + i + 2];
          s3 += W[row + i + 3] * x[from + i + 3];
        }
        y[t * O + o] = s0 + s1 + s2 + s3 + (b ? b[o] : 0);
      }
    }
    return y;
  }

  /** The softmax of a list, as a Float64Array; in plain loops, which are several times as fast as `from` and `reduce`. */
  function softmax(scores) {
    const weights = new Float64Array(scores.length);
    let largest = -Infinity, total = 0;
    for (let i = 0; i < scores.length; i++) largest = Math.max(largest, scores[i]);
    for (let i = 0; i < scores.length; i++) total += weights[i] = Math.exp(scores[i] - largest);
    for (let i = 0; i < scores.length; i++) weights[i] /= total;
    return weights;
  }

  /** For each row of x (T, D): mean 0 and variance 1, then a learned scale and, where there is one, a shift (D). */
  function norm(x, scale, shift, epsilon = EPSILON) {
    const D = scale.length, out = new Float32Array(x.length);
    for (let from = 0; from < x.length; from += D) {
      let mean = 0, variance = 0;
      for (let i = 0; i < D; i++) mean += x[from + i] / D;
      for (let i = 0; i < D; i++) variance += (x[from + i] - mean) ** 2 / D;
      const size = 1 / Math.sqrt(variance + epsilon);
      for (let i = 0; i < D; i++) out[from + i] = (x[from + i] - mean) * size * scale[i] + (shift ? shift[i] : 0);
    }
    return out;
  }

  /** Of each head, each query (T, D) over keys (S, D): the mixed values (T, D) and the weights [head][query](S).
   *  sees(t): how many of the keys, from the first, query t may look at. */
  function attend(q, k, v, D, heads, sees = () => k.length / D) {
    const T = q.length / D, width = D / heads;
    const out = new Float32Array(T * D), mixed = new Float64Array(D), weights = [];
    for (let h = 0; h < heads; h++) {
      const first = h * width;
      weights.push([]);
      for (let t = 0; t < T; t++) {
        const S = sees(t), scores = new Float64Array(S);
        for (let s = 0; s < S; s++) {
          let score = 0;
          for (let i = first; i < first + width; i++) score += q[t * D + i] * k[s * D + i];
          scores[s] = score / Math.sqrt(width);
        }
        const row = softmax(scores);
        for (let s = 0; s < S; s++) {
          const w = row[s];
          for (let i = first; i < first + width; i++) mixed[i] += w * v[s * D + i];
        }
        for (let i = first; i < first + width; i++) { out[t * D + i] = mixed[i]; mixed[i] = 0; }
        weights[h].push(row);
      }
    }
    return { out, weights };
  }

  class Transformer {
    /** config: d_model, n_layers, n_heads, d_ff, vocab_size; tensors: what `parse` read. */
    constructor(config, tensors) {
      this.config = config;
      this.tensors = tensors;
    }

    tensor(name) {
      if (!(name in this.tensors)) throw new Error(`the stored model has no tensor ${name}`);
      return this.tensors[name];
    }

    linear(name, x, O = this.config.d_model) {
      return linear(x, this.tensor(`${name}.weight`), this.tensor(`${name}.bias`), O);
    }

    /** norm(x + y), each row by itself. */
    addAndNorm(name, x, y) {
      return norm(x.map((value, i) => value + y[i]), this.tensor(`${name}.norm.weight`), this.tensor(`${name}.norm.bias`));
    }

    feedForward(layer, x) {
      const up = this.linear(`${layer}.feed_forward.up`, x, this.config.d_ff).map((z) => Math.max(z, 0));
      return this.addAndNorm(`${layer}.feed_forward_residual`, x, this.linear(`${layer}.feed_forward.down`, up));
    }

    /** Token vectors times sqrt(D), plus sines and cosines of where they stand. */
    embed(side, tokens, first = 0) {
      const D = this.config.d_model, table = this.tensor(`${side}_embedding.tokens.weight`);
      const x = new Float32Array(tokens.length * D);
      tokens.forEach((token, t) => {
        for (let i = 0; i < D; i++) {
          const angle = (first + t) / BASE ** ((i - (i % 2)) / D);
          x[t * D + i] = table[token * D + i] * Math.sqrt(D) + (i % 2 ? Math.cos(angle) : Math.sin(angle));
        }
      });
      return x;
    }

    /** Read a source: the encoder's last layer (S, D). */
    encode(source) {
      const { d_model: D, n_layers, n_heads } = this.config;
      let x = this.embed("source", source);
      for (let n = 0; n < n_layers; n++) {
        const layer = `encoder.${n}`, [q, k, v] = ["q", "k", "v"].map((w) => this.linear(`${layer}.attention.w_${w}`, x));
        const { out } = attend(q, k, v, D, n_heads);
        x = this.addAndNorm(`${layer}.attention_residual`, x, this.linear(`${layer}.attention.w_o`, out));
        x = this.feedForward(layer, x);
      }
      return x;
    }

    /** A place to write from: of each layer the keys and values of the source, for good, and of the target, none yet. */
    begin(source, capacity) {
      const { d_model: D, n_layers } = this.config, memory = this.encode(source);
      const layers = Array.from({ length: n_layers }, (_, n) => ({
        source: ["k", "v"].map((w) => this.linear(`decoder.${n}.cross_attention.w_${w}`, memory)),
        target: [0, 1].map(() => new Float32Array(capacity * D)),
      }));
      return { layers, length: 0 };
    }

    /** The same place once more, for another beam to write on. */
    fork({ layers, length }) {
      return { layers: layers.map(({ source, target }) => ({ source, target: target.map((kv) => kv.slice()) })), length };
    }

    /** Write one more token: the logits of the next, and cross-attention's weights [layer][head](S). */
    step(place, token) {
      const { d_model: D, n_heads, vocab_size } = this.config, end = (place.length + 1) * D;
      let x = this.embed("target", [token], place.length);
      const weights = place.layers.map(({ source, target }, n) => {
        const layer = `decoder.${n}`;
        ["k", "v"].forEach((w, i) => target[i].set(this.linear(`${layer}.attention.w_${w}`, x), end - D));
        const [k, v] = target.map((kv) => kv.subarray(0, end));
        const own = attend(this.linear(`${layer}.attention.w_q`, x), k, v, D, n_heads);
        x = this.addAndNorm(`${layer}.attention_residual`, x, this.linear(`${layer}.attention.w_o`, own.out));
        const cross = attend(this.linear(`${layer}.cross_attention.w_q`, x), ...source, D, n_heads);
        x = this.addAndNorm(`${layer}.cross_residual`, x, this.linear(`${layer}.cross_attention.w_o`, cross.out));
        x = this.feedForward(layer, x);
        return cross.weights.map(([row]) => row);
      });
      place.length += 1;
      return { logits: linear(x, this.tensor("target_embedding.tokens.weight"), null, vocab_size), weights };
    }
  }

  return { parse, unpack, bytesOf, softmax, linear, norm, attend, Transformer };
})();
