// The main module of a training process: trains by the recipe that it is sent, and tells how far it is.
import type { UserErrorCode } from '../core/index.ts';
import { UserError } from '../core/index.ts';
import { environmentFault } from '../files/index.ts';
import type { RecipeInput } from '../train/index.ts';
import { resolveRecipe, train } from '../train/index.ts';

/** What it tells: `step` after each update, then `done` or `failed`. */
export type TrainReply =
  | { type: 'step'; step: number; totalSteps: number }
  | { type: 'done' }
  | { type: 'failed'; code: UserErrorCode | null; message: string; hint?: string | undefined };

const send = (reply: TrainReply): void => {
  if (process.connected) process.send!(reply);
};

async function run(recipe: RecipeInput): Promise<void> {
  for await (const event of train(resolveRecipe({ base: recipe }), { resume: true })) {
    if (event.type === 'step') send({ type: 'step', step: event.step, totalSteps: event.totalSteps });
  }
}

process.on('disconnect', () => process.exit());
process.once('message', (recipe: RecipeInput) => {
  void run(recipe)
    .then(
      (): TrainReply => ({ type: 'done' }),
      (thrown: unknown): TrainReply => {
        const error = environmentFault(thrown) ?? thrown;
        return error instanceof UserError
          ? { type: 'failed', code: error.code, message: error.message, hint: error.hint }
          : {
              type: 'failed',
              code: null,
              message: error instanceof Error ? (error.stack ?? error.message) : String(error),
            };
      },
    )
    .then((reply) => {
      send(reply);
      process.disconnect();
    });
});
