// The main module of a process that does a run of a study.
import { serveForkedWork } from '../../core/index.ts';
import { environmentFault } from '../../files/index.ts';
import { doRun } from './run.ts';

serveForkedWork(doRun, environmentFault);
