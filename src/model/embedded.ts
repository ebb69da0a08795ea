// What ships with the package: a small model, an adapter on it that people's ratings trained, and photographs for the quick start.
import { fileURLToPath } from 'node:url';

const inPackage = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** How the model that ships is named, wherever the package is. */
export const EMBEDDED_MODEL = 'models/nano';

/** Folder of the model that ships. */
export function embeddedModel(): string {
  return inPackage(EMBEDDED_MODEL);
}

/** Folder of the adapter on it that scores when no other is named. */
export function embeddedAdapter(): string {
  return inPackage(`${EMBEDDED_MODEL}/adapters/biq2021`);
}

/** Folder of the quick start's photographs. */
export function embeddedPictures(): string {
  return inPackage('pictures');
}
