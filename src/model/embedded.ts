// What ships with the package: photographs for the quick start.
import { fileURLToPath } from 'node:url';

const inPackage = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Folder of the quick start's photographs. */
export function embeddedPictures(): string {
  return inPackage('pictures');
}
