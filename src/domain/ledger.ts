import { type Counts, leastAmount, type Provides, totalOf } from "./capabilities.ts";

/** What a job has of the resources of its pool while it runs. */
export interface Share {
  counts: Counts;
  /** By resource that consists of devices: the devices of the job. */
  devices: Readonly<Record<string, readonly string[]>>;
}

/** A device is divided into this number of units, and so is an amount of 1 … */
const unitsOfOne = Math.round(1 / leastAmount);
/** … unless the pool has this much: then amounts are whole numbers, so that sums are exact. */
const countedWhole = 2 ** 30;

/** A resource: its devices, or one nameless store. */
interface Stock {
  /** The number of units of an amount of 1. */
  scale: number;
  devices: readonly string[] | null;
  /** The free units, by device. */
  free: number[];
}

/**
 * The resources of a pool: what is free of them, and who takes what. Amounts are whole numbers of
 * units. A part of a device lies on one device; a whole device belongs to one job alone.
 */
export class Ledger {
  readonly #stocks: ReadonlyMap<string, Stock>;

  private constructor(stocks: ReadonlyMap<string, Stock>) {
    this.#stocks = stocks;
  }

  /** Of a pool that runs nothing yet. */
  static of(provides: Provides): Ledger {
    const stocks = Object.entries(provides).flatMap(([name, provided]) => {
      const stock = stockOf(provided);
      return stock === null ? [] : [[name, stock] as const];
    });
    return new Ledger(new Map(stocks));
  }

  /** One that can be changed without changing this one. */
  copy(): Ledger {
    const stocks = [...this.#stocks].map(([name, stock]): [string, Stock] => [
      name,
      { ...stock, free: [...stock.free] },
    ]);
    return new Ledger(new Map(stocks));
  }

  /** The free amount of a resource. */
  free(name: string): number {
    const stock = this.#stocks.get(name);
    return stock ? sum(stock.free) / stock.scale : 0;
  }

  /** The free amounts of the resources that are provided. */
  amounts(provides: Provides): Counts {
    const names = Object.keys(provides).filter((name) => this.#stocks.has(name));
    return Object.fromEntries(names.map((name) => [name, this.free(name)]));
  }

  /** Whether a job with these amounts could start now. */
  fits(counts: Counts): boolean {
    return entriesOf(counts).every(([name, amount]) => this.#choose(name, amount) !== null);
  }

  /** The number of such jobs that could start now, up to `most`. */
  howMany(counts: Counts, most: number): number {
    const copied = this.copy();
    let many = 0;
    while (many < most && copied.take(counts) !== null) many++;
    return many;
  }

  /** Takes these amounts; null if not all of them are free. */
  take(counts: Counts): Share | null {
    const chosen = entriesOf(counts).map(
      ([name, amount]) => [name, this.#choose(name, amount)] as const,
    );
    const devices: Record<string, readonly string[]> = {};
    for (const [name, indexes] of chosen) {
      if (indexes === null) return null;
      const known = this.#stocks.get(name)?.devices;
      if (known) devices[name] = indexes.flatMap((index) => known[index] ?? []);
    }
    const share = { counts, devices };
    this.#move(share, -1);
    return share;
  }

  /** Takes a share that was taken before; false if not all of it is free. */
  takeAgain(share: Share): boolean {
    const isFree = this.#places(share).every(
      ([stock, at, units]) => (stock.free[at] ?? 0) >= units,
    );
    if (isFree) this.#move(share, -1);
    return isFree;
  }

  /** Returns a share that was taken. */
  give(share: Share): void {
    this.#move(share, 1);
  }

  /**
   * Takes what is free of these amounts, and of the devices with the most left, for a job that has
   * to wait for the rest.
   */
  setAside(counts: Counts): void {
    for (const [name, amount] of entriesOf(counts)) {
      const stock = this.#stocks.get(name);
      if (!stock) continue;
      const wanted = unitsOf(stock, amount);
      const best = stock.free
        .map((_, i) => i)
        .toSorted((a, b) => (stock.free[b] ?? 0) - (stock.free[a] ?? 0));
      const number = stock.devices ? Math.ceil(wanted / stock.scale) : 1;
      const each = stock.devices ? Math.min(wanted, stock.scale) : wanted;
      for (const at of best.slice(0, number)) {
        stock.free[at] = Math.max((stock.free[at] ?? 0) - each, 0);
      }
    }
  }

  /** The devices to take an amount of, by index; null if it is not free. */
  #choose(name: string, amount: number): number[] | null {
    const stock = this.#stocks.get(name);
    if (!stock) return null;
    const units = unitsOf(stock, amount);
    if (!stock.devices || units < stock.scale) {
      // Of the devices with enough left, the one with the least.
      let best: number | null = null;
      for (const [at, free] of stock.free.entries()) {
        if (free >= units && (best === null || free < (stock.free[best] ?? 0))) best = at;
      }
      return best === null ? null : [best];
    }
    const whole = stock.free.flatMap((free, at) => (free === stock.scale ? [at] : []));
    const number = units / stock.scale;
    return Number.isInteger(number) && whole.length >= number ? whole.slice(0, number) : null;
  }

  #move(share: Share, sign: 1 | -1): void {
    for (const [stock, at, units] of this.#places(share)) {
      stock.free[at] = (stock.free[at] ?? 0) + sign * units;
    }
  }

  /** The units of a share, by device. */
  #places({ counts, devices }: Share): [stock: Stock, at: number, units: number][] {
    return entriesOf(counts).flatMap(([name, amount]) => {
      const stock = this.#stocks.get(name);
      if (!stock) return [];
      const units = unitsOf(stock, amount);
      const taken = devices[name];
      if (!taken) return [[stock, 0, units] as [Stock, number, number]];
      return taken.map((device): [Stock, number, number] => [
        stock,
        stock.devices?.indexOf(device) ?? 0,
        units / taken.length,
      ]);
    });
  }
}

function stockOf(provided: Provides[string]): Stock | null {
  const total = totalOf(provided);
  if (total === 0) return null;
  if (typeof provided === "object") {
    return { scale: unitsOfOne, devices: provided, free: provided.map(() => unitsOfOne) };
  }
  const scale = total >= countedWhole ? 1 : unitsOfOne;
  return { scale, devices: null, free: [Math.floor(total * scale)] };
}

/** An amount in units, rounded: three jobs that take 0.33333 of a device share one. */
const unitsOf = ({ scale }: Stock, amount: number): number => Math.round(amount * scale);
const entriesOf = (counts: Counts) => Object.entries(counts);
const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
