// A provider is tried in a process of its own: whatever that does, there is an answer.
import { expect, it } from 'vitest';
import { tryProvider } from '../../src/checks/doctor.ts';
import { forkModule } from '../../src/core/index.ts';

const start = (): ReturnType<typeof forkModule> => forkModule(import.meta.url, './loud-child');

it('a driver may write to stderr as much as it likes', async () => {
  expect(await tryProvider('cpu', { start })).toMatchObject({ state: 'ok', detail: 'multiplies matrices' });
});

it('a driver that never answers is missing', async () => {
  expect(await tryProvider('cuda', { start, milliseconds: 500 })).toMatchObject({
    state: 'missing',
    detail: expect.stringContaining('no answer within 0.5 s'),
  });
});
