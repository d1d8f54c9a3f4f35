/** Where the engine reports what it does; facts are plain values, errors by their message. Passed in, never imported. */
export type Log = (level: 'info' | 'warn' | 'error', message: string, facts?: Readonly<Record<string, string | number>>) => void;
