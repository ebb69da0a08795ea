// How the files are called that keep what worker processes printed.

/**
 * Whether a file of a run's folder keeps what a worker printed before it failed.
 * @param name - without its folder
 */
export const isWorkerLog = (name: string): boolean => /^worker-\d+\.log$/.test(name);
