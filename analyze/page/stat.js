// SPDX-License-Identifier: MIT
//
// stat - is a difference more than chance? The same as compare/stat.c and compare/stat_bootstrap.c; no DOM.

const FRACTION_TERMS = 2000, STRATUM = 4, JOINED_MIN = 32, ALIKE = 1.1, KEPT = 0.75;
export const LEVEL = 0.05;
// From here on t is normal to seven digits.
const DF_NORMAL = 1e7, DF_EXPANDED = 30;

// Lanczos' approximation, to 14 digits.
const G = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
function log_gamma(x) {
  let sum = G[0];
  for (let i = 1; i < 9; i++) sum += G[i] / (x - 1 + i);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

// log_gamma(a + 1/2) - log_gamma(a): where a is large the difference is small beside both.
function log_half_step(a) {
  if (a < 100) return log_gamma(a + 0.5) - log_gamma(a);
  return 0.5 * Math.log(a) - 1 / (8 * a) + 1 / (192 * a ** 3) - 1 / (640 * a ** 5);
}

// Lentz's way from the first term on: it ends where terms change nothing any more.
function beta_fraction(a, b, x) {
  let f = 1, c = 1, d = 0;
  for (let k = 1; k < FRACTION_TERMS; k++) {
    const m = k >> 1, term = k % 2 === 0 ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)) : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + term * d);
    c = 1 + term / c;
    f *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  const step = b === 0.5 ? log_half_step(a) : log_half_step(b); // one of them is 1/2
  return Math.exp(a * Math.log(x) + b * Math.log1p(-x) + step - 0.5 * Math.log(Math.PI) - Math.log(a)) / f;
}

function beta(a, b, x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  return x < (a + 1) / (a + b + 2) ? beta_fraction(a, b, x) : 1 - beta_fraction(b, a, 1 - x);
}

// Chance of |t| or more by accident.
export const t_tails = (t, df) => beta(Math.min(df, DF_NORMAL) / 2, 0.5, df / (df + t * t));

// The t whose two tails are 5 %.
export function t_quantile(df) {
  const z = 1.959963984540054, z2 = z * z;
  if (df >= DF_EXPANDED) return z + (z * (z2 + 1)) / (4 * df) + (z * (5 * z2 * z2 + 16 * z2 + 3)) / (96 * df * df) + (z * (3 * z2 ** 3 + 19 * z2 * z2 + 17 * z2 - 15)) / (384 * df ** 3);
  let low = 0, high = 2;
  while (t_tails(high, df) > LEVEL && high < 1e300) high *= 2;
  for (let i = 0; i < 60 && high - low > 1e-12 * high; i++) {
    const middle = (low + high) / 2;
    if (t_tails(middle, df) > LEVEL) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

// Welch: sides are { mean, variance, df }. Without `tested` nobody asks for p.
export function difference_of(a, b, tested = true) {
  const value = b.mean - a.mean, u = a.variance, v = b.variance;
  if (!(u + v > 0)) return { value, margin: 0, p: value !== 0 ? 0 : 1 };
  const df = (u + v) ** 2 / ((u * u) / a.df + (v * v) / b.df), error = Math.sqrt(u + v);
  return { value, margin: t_quantile(df) * error, p: tested ? t_tails(value / error, df) : 1 };
}

// Benjamini and Hochberg: q of each p.
export function adjust(p) {
  const order = p.map((_, i) => i).sort((x, y) => p[y] - p[x]), q = [];
  let least = 1;
  order.forEach((index, i) => { q[index] = least = Math.min(least, (p[index] * p.length) / (p.length - i)); });
  return q;
}

function variance(x, from, to) {
  let mean = 0, squares = 0;
  for (let i = from; i < to; i++) mean += x[i];
  mean /= to - from;
  for (let i = from; i < to; i++) squares += (x[i] - mean) ** 2;
  return to - from > 1 ? squares / (to - from - 1) : 0;
}

// What rows of one side vary by, told while they come in pieces of consecutive blocks (stat_bootstrap.h):
// pieces are as many blocks long as PIECE, the last one longer. In a piece x that begins at block `first`
// there is something in x[low] to x[high] only. sum() is the variance of what x adds up to; note() keeps
// what correlation() wants to know.
export const PIECE = 16;
export function spread_open(n_blocks) {
  const n_strata = Math.max(1, Math.floor(n_blocks / STRATUM)), quiet = new Map(), length = join => STRATUM * join;
  const sums = new Float64Array(STRATUM);
  for (let join = 1; join === 1 || n_blocks / join >= JOINED_MIN; join *= 2) quiet.set(join, new Float64Array(Math.floor(n_blocks / length(join))));
  return {
    sum(first, x, low, high) {
      let out = 0;
      for (let s = Math.min(n_strata - 1, Math.floor((first + low) / STRATUM)); s < n_strata && s * STRATUM <= first + high; s++) {
        const end = s + 1 < n_strata ? (s + 1) * STRATUM : n_blocks;
        out += (end - s * STRATUM) * variance(x, s * STRATUM - first, end - first);
      }
      return out;
    },
    note(first, x, low, high) {
      for (const [join, strata] of quiet)
        for (let s = Math.floor((first + low) / length(join)); s < strata.length && s * length(join) <= first + high; s++) {
          sums.fill(0);
          for (let b = 0; b < STRATUM; b++) for (let i = 0; i < join; i++) sums[b] += x[s * length(join) - first + b * join + i];
          strata[s] += STRATUM * variance(sums, 0, STRATUM);
        }
    },
    // Blocks that follow each other are correlated: by how much that inflates the variance of independent ones,
    // and how many degrees of freedom are left.
    correlation() {
      const of = join => {
        const strata = quiet.get(join).toSorted(), kept = Math.ceil(KEPT * strata.length);
        let sum = 0;
        for (let s = 0; s < kept; s++) sum += strata[s];
        return kept > 0 ? sum / (kept * length(join)) : 0;
      };
      let join = 1, inflation = 1, now = of(1);
      const first = now;
      while (first > 0 && Math.floor(n_blocks / (2 * join)) >= JOINED_MIN) {
        const joined = of(2 * join), gain = joined < 2 * now ? joined / now : 2;
        inflation = (now / first) * (gain > 1 ? 2 * gain - 1 : 1);
        if (gain <= ALIKE) break;
        join *= 2;
        now *= gain;
      }
      const left = Math.floor(n_blocks / join);
      return { inflation: Math.max(1, inflation), df: left - Math.max(1, Math.floor(left / STRATUM)) };
    },
  };
}
