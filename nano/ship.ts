// Makes a trained adapter the one that ships: `npx tsx nano/ship.ts RUN "WHAT IT WAS TRAINED ON AND HOW FAR TO TRUST IT"`.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson, writeFileAtomic } from '../src/files/index.ts';
import { embeddedAdapter, readCard, writeCard } from '../src/model/index.ts';
import { exportAdapter } from '../src/score/index.ts';

const [run, about] = process.argv.slice(2);
if (run === undefined || about === undefined) throw new Error('usage: npx tsx nano/ship.ts RUN ABOUT');
const folder = embeddedAdapter();
await rm(folder, { recursive: true, force: true });
await exportAdapter(run, folder, 'adapter');
const card = await readCard(folder);
if (card === null) throw new Error(`${folder}: expected a card`);
await writeCard(folder, { ...card, baseModel: '../..', about });
// For PEFT, whose users name the base themselves.
const config = join(folder, 'adapter_config.json');
const values = (await readJson(config)) as object;
await writeFileAtomic(config, `${JSON.stringify({ ...values, base_model_name_or_path: 'models/nano' }, null, 2)}\n`);
