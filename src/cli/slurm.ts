// What Slurm tells a process that srun has started on several nodes.
import { UserError } from '../core/index.ts';

/** A step of a job, on several nodes. */
export interface SlurmStep {
  /** How many nodes it has. */
  nodes: number;
  /** Number of this one. */
  node: number;
  /** HOST:PORT for the first of them, the same on all. */
  master: string;
}

/** Ports are of these, by the number of the job: jobs that share a node seldom share a port. */
const [FIRST_PORT, PORTS] = [20_000, 10_000];

/**
 * The step that this process belongs to. Within a job's script, outside of srun, there is none: the variables of the step are those of srun.
 * @param environment - variables of the process
 * @returns the step; null for none, or for one on a single node
 * @throws UserError `bad-input` where srun has started several tasks on a node
 */
export function slurmStep(environment: NodeJS.ProcessEnv): SlurmStep | null {
  const list = environment['SLURM_STEP_NODELIST'];
  const nodes = Number(environment['SLURM_STEP_NUM_NODES'] ?? 1);
  if (list === undefined || !(nodes > 1)) return null;
  const tasks = Number(environment['SLURM_STEP_NUM_TASKS'] ?? nodes);
  if (tasks !== nodes) {
    throw new UserError('bad-input', `expected one task a node from srun, got ${tasks} tasks on ${nodes} nodes`, {
      hint: 'Each starts a process for every GPU of its node: use srun --ntasks-per-node=1.',
    });
  }
  const port = FIRST_PORT + (Number(environment['SLURM_JOB_ID'] ?? 0) % PORTS);
  return { nodes, node: Number(environment['SLURM_NODEID'] ?? 0), master: `${firstNode(list)}:${port}` };
}

/**
 * The first node of a list as Slurm writes it, such as `gpu[01-03,7],login`.
 * @param list - names with ranges in brackets
 */
export function firstNode(list: string): string {
  const name = /^(?:[^,[\]]|\[[^\]]*\])*/.exec(list)![0];
  return name.replaceAll(/\[([^\],-]*)[^\]]*\]/g, '$1');
}
