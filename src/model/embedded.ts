// What ships with the package: a small model, an adapter on it that people's ratings trained, and photographs for the quick start.
import { fileURLToPath } from 'node:url';

const inPackage = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** How the model that ships is named, wherever the package is. */
export const EMBEDDED_MODEL = 'models/nano';

/** Folder of the model that ships. */
export function embeddedModel(): string {
  return inPackage(EMBEDDED_MODEL);
}

/** How recipes name the adapter on it that ships, wherever the package is. */
export const SHIPPED_ADAPTER = 'shipped';

/** Folder of the adapter on it that scores when no other is named. */
export function embeddedAdapter(): string {
  return inPackage(`${EMBEDDED_MODEL}/adapters/biq2021`);
}

/**
 * Folder of an adapter that a recipe starts from.
 * @param name - a folder, or {@link SHIPPED_ADAPTER}
 */
export function startAdapter(name: string): string {
  return name === SHIPPED_ADAPTER ? embeddedAdapter() : name;
}

/** Folder of the quick start's photographs. */
export function embeddedPictures(): string {
  return inPackage('pictures');
}
