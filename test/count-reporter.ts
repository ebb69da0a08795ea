// Prints "N passed, N failed, N skipped" alone on the last line, the form that the gate reads; before it, the files that took longest.
// Tests that a tier leaves out by their tag are no skipped ones.
import type { Reporter, TestModule, Vitest } from 'vitest/node';

export default class CountReporter implements Reporter {
  #leavesOutLong = false;

  onInit(vitest: Vitest): void {
    this.#leavesOutLong = vitest.config.tagsFilter?.includes('!long') ?? false;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      let inFile = 0;
      for (const test of module.children.allTests()) {
        inFile++;
        if (this.#leavesOutLong && test.options.tags?.includes('long') === true) continue;
        const { state } = test.result();
        if (state === 'passed' || state === 'failed' || state === 'skipped') count[state]++;
      }
      // A file that fails to load, or whose hooks fail, holds no failed test of its own.
      if (!module.ok() && inFile === 0) count.failed++;
    }
    count.failed += count.failed === 0 ? errors.length : 0;
    console.log(slowest(modules));
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}

/** The ten files that took longest, in seconds, and what all files took together. */
function slowest(modules: readonly TestModule[]): string {
  const seconds = modules.map((module) => ({
    name: module.relativeModuleId,
    took: module.diagnostic().duration / 1000,
  }));
  const longest = seconds.toSorted((a, b) => b.took - a.took).slice(0, 10);
  const all = seconds.reduce((sum, { took }) => sum + took, 0);
  return `seconds: ${longest.map(({ name, took }) => `${name} ${took.toFixed(0)}`).join(', ')}; all files ${all.toFixed(0)}`;
}
