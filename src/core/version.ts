// The version of the package, read from its package.json.
import { createRequire } from 'node:module';

/** The package's version, such as `0.1.0`. */
export const packageVersion: string = (createRequire(import.meta.url)('../../package.json') as { version: string })
  .version;
