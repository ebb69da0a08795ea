// Dimensions of tensors: whole numbers, or polynomials in named sizes that are known only when a graph runs.

/**
 * A dimension: a number, or the canonical text of a polynomial in symbols, such as `"T"`, `"2*B*T"` or `"B*T+5"`.
 * Two dimensions are equal exactly when they are `===`.
 */
export type Dim = number | string;

/** Dimensions of a tensor, outermost first. */
export type Shape = readonly Dim[];

type Polynomial = Map<string, number>; // monomial ("" for the constant, "B*T") -> coefficient

function parse(dim: Dim): Polynomial {
  if (typeof dim === 'number') return new Map(dim === 0 ? [] : [['', dim]]);
  const terms: Polynomial = new Map();
  for (const term of dim.split('+')) {
    const factors = term.split('*');
    const coefficient = /^-?\d+$/.test(factors[0]!) ? Number(factors.shift()) : 1;
    const monomial = factors.join('*');
    terms.set(monomial, (terms.get(monomial) ?? 0) + coefficient);
  }
  return terms;
}

function print(terms: Polynomial): Dim {
  const kept = [...terms].filter(([, c]) => c !== 0).sort(([a], [b]) => (a < b ? 1 : -1));
  if (kept.length === 0) return 0;
  if (kept.length === 1 && kept[0]![0] === '') return kept[0]![1];
  return kept.map(([m, c]) => (m === '' ? `${c}` : c === 1 ? m : `${c}*${m}`)).join('+');
}

/**
 * The sum of dimensions.
 * @param dims - any number of them
 */
export function dimSum(...dims: Dim[]): Dim {
  const total: Polynomial = new Map();
  for (const dim of dims) for (const [m, c] of parse(dim)) total.set(m, (total.get(m) ?? 0) + c);
  return print(total);
}

/**
 * The product of dimensions; 1 for none.
 * @param dims - any number of them
 */
export function dimProduct(...dims: readonly Dim[]): Dim {
  let product: Polynomial = new Map([['', 1]]);
  for (const dim of dims) {
    const next: Polynomial = new Map();
    for (const [m1, c1] of product) {
      for (const [m2, c2] of parse(dim)) {
        const monomial = [...m1.split('*'), ...m2.split('*')].filter(Boolean).sort().join('*');
        next.set(monomial, (next.get(monomial) ?? 0) + c1 * c2);
      }
    }
    product = next;
  }
  return print(product);
}

/**
 * The value of a dimension once its symbols are known.
 * @param dim - the dimension
 * @param sizes - a size for every symbol in it
 * @throws Error when a symbol has no size
 */
export function dimValue(dim: Dim, sizes: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const [monomial, coefficient] of parse(dim)) {
    let term = coefficient;
    for (const symbol of monomial.split('*').filter(Boolean)) {
      const size = sizes.get(symbol);
      if (size === undefined) throw new Error(`dimension ${dim}: the size of "${symbol}" is not known`);
      term *= size;
    }
    total += term;
  }
  return total;
}

/** A term of a dimension: its coefficient times its symbols. */
export interface DimTerm {
  /** A whole number. */
  coefficient: number;
  /** Names of sizes, repeated for powers; none for the constant term. */
  symbols: string[];
}

/**
 * A dimension as a list of terms, for whoever has to compute it in a graph.
 * @param dim - the dimension
 * @returns terms whose products of `coefficient` and `symbols` add up to the dimension
 */
export function dimTerms(dim: Dim): DimTerm[] {
  return [...parse(dim)].map(([m, coefficient]) => ({ coefficient, symbols: m.split('*').filter(Boolean) }));
}

/**
 * Whether a dimension is one symbol by itself, so that an input with it tells its size.
 * @param dim - the dimension
 */
export function isSymbol(dim: Dim): dim is string {
  return typeof dim === 'string' && /^[A-Za-z_]\w*$/.test(dim);
}

/**
 * The shape to which two shapes broadcast (NumPy's rule; a symbol is broadcast only with itself or with 1).
 * @param a - a shape
 * @param b - another
 * @throws TypeError when they do not fit
 */
export function broadcastShapes(a: Shape, b: Shape): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw new TypeError(`expected shapes that broadcast, got ${showShape(a)} and ${showShape(b)}`);
  });
}

/** A shape as messages show it, such as `[B,T,64]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(',')}]`;
}
