// Puts a pretrained model, or an adapter on it, where it ships from. From the checkout's root:
//   npx tsx nano/ship.ts model runs/nano-pretrain/model
//   npx tsx nano/ship.ts adapter RUN "WHAT IT WAS TRAINED ON AND HOW FAR TO TRUST IT"
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../src/core/index.ts';
import {
  EMBEDDED_MODEL,
  embeddedAdapter,
  embeddedModel,
  openCheckpoint,
  readCard,
  writeCard,
} from '../src/model/index.ts';
import { exportAdapter, openModel } from '../src/score/index.ts';
import { sayMistakes } from './mistakes.ts';

sayMistakes();
const [what, from, about] = process.argv.slice(2);
if (what === 'model' && from !== undefined) await shipModel(from);
else if (what === 'adapter' && from !== undefined && about !== undefined) await shipAdapter(from, about);
else throw new UserError('bad-input', 'usage: npx tsx nano/ship.ts model MODEL | adapter RUN ABOUT');

/** The adapter of another model goes: it does not fit any more. */
async function shipModel(model: string): Promise<void> {
  await openCheckpoint(model);
  const folder = embeddedModel();
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(model)) await copyFile(join(model, name), join(folder, name));
  await rm(dirname(embeddedAdapter()), { recursive: true, force: true });
}

async function shipAdapter(run: string, text: string): Promise<void> {
  const { card } = await openModel(run, EMBEDDED_MODEL); // what is wrong with it is said before the old one goes
  if (card === null) throw new UserError('bad-checkpoint', `${run}: expected an adapter with a card, got none`);
  const folder = embeddedAdapter();
  await rm(folder, { recursive: true, force: true });
  await exportAdapter(run, folder, 'adapter', { model: EMBEDDED_MODEL });
  await writeCard(folder, { ...(await readCard(folder))!, about: text });
}
