/** A toy actor: accounts with balances. Its rows depend on rows before them, so that a wrong order or a lost row shows. */
import type { ActorKind } from '../../engine/actor/decider.ts';
import { type Rejection, reject } from '../../engine/rejection.ts';
import type { Caller } from '../../engine/vocabulary.ts';

export type LedgerCommand =
  | { readonly does: 'deposit'; readonly account: string; readonly amount: number }
  | { readonly does: 'withdraw'; readonly account: string; readonly amount: number }
  | { readonly does: 'closeAccount'; readonly account: string }
  /** Consults a scan: its slice is a promise. */
  | { readonly does: 'payInterest'; readonly amount: number }
  | { readonly does: 'break'; readonly where: 'consult' | 'decide' | 'rowsOf' };

export type LedgerEvent =
  | { readonly event: 'Deposited' | 'Withdrawn'; readonly ledger: string; readonly account: string; readonly amount: number }
  | { readonly event: 'AccountClosed'; readonly ledger: string; readonly account: string };

export interface LedgerSlice {
  readonly ledger: string;
  readonly balances: ReadonlyMap<string, number>;
}

export type LedgerKind = ActorKind<LedgerCommand, LedgerSlice, LedgerEvent, number>;

const table = 'balances';

export function balanceKey(ledger: string, account: string): Buffer {
  return Buffer.from(`${ledger}\0${account}`);
}

function balanceOf(row: Buffer | undefined): number | undefined {
  return row === undefined ? undefined : Number(row.toString());
}

export const ledgerKind: LedgerKind = {
  name: 'ledger',
  consult(ledger, command, rows) {
    if (command.does === 'break' && command.where === 'consult') throw new Error('broken consult');
    if (command.does === 'payInterest') {
      const found = rows.range(table, { gte: balanceKey(ledger, ''), lt: Buffer.from(`${ledger}\u0001`), limit: 1_000 });
      return found.then((all) => {
        const named = all.map(({ key, value }) => [key.toString().slice(ledger.length + 1), Number(value.toString())] as const);
        return { ledger, balances: new Map(named) };
      });
    }
    if (command.does === 'break') return { ledger, balances: new Map() };
    const balance = balanceOf(rows.get(table, balanceKey(ledger, command.account)));
    return { ledger, balances: new Map(balance === undefined ? [] : [[command.account, balance]]) };
  },
  decide(slice, command) {
    return command.does === 'break' ? decideToBreak(slice, command.where) : decide(slice, command);
  },
  rowsOf(event, rows) {
    if (event.account === 'broken') throw new Error('broken rowsOf');
    const key = balanceKey(event.ledger, event.account);
    if (event.event === 'AccountClosed') return [{ table, key, value: null }];
    const sign = event.event === 'Deposited' ? 1 : -1;
    const balance = (balanceOf(rows.get(table, key)) ?? 0) + sign * event.amount;
    return [
      { table, key, value: Buffer.from(String(balance)) },
      { table: 'movements', key, value: Buffer.from(`${event.event} ${event.amount}`) },
    ];
  },
  encode: (event) => [1, event.event, event.ledger, event.account, event.event === 'AccountClosed' ? 0 : event.amount],
  decode: (encoded) => {
    const [, event, ledger, account, amount] = encoded as [number, LedgerEvent['event'], string, string, number];
    return event === 'AccountClosed' ? { event, ledger, account } : { event, ledger, account, amount };
  },
};

function decideToBreak({ ledger }: LedgerSlice, where: string): { events: LedgerEvent[]; reply: number } {
  if (where === 'decide') throw new Error('broken decide');
  const deposited = { event: 'Deposited', ledger, amount: 1 } as const;
  return {
    events: [
      { ...deposited, account: 'before' },
      { ...deposited, account: 'broken' },
    ],
    reply: 0,
  };
}

function decide({ ledger, balances }: LedgerSlice, command: Exclude<LedgerCommand, { does: 'break' }>): ReturnType<LedgerKind['decide']> {
  if (command.does === 'payInterest') {
    const events = [...balances.keys()].map((account) => ({ event: 'Deposited', ledger, account, amount: command.amount }) as const);
    return { events, reply: balances.size };
  }
  const { account } = command;
  const balance = balances.get(account);
  if (command.does === 'deposit') {
    return { events: [{ event: 'Deposited', ledger, account, amount: command.amount }], reply: (balance ?? 0) + command.amount };
  }
  if (balance === undefined) return reject('NoSuchKey', { account });
  if (command.does === 'closeAccount') return { events: [{ event: 'AccountClosed', ledger, account }], reply: balance };
  if (balance < command.amount) return reject('PreconditionFailed', { balance }) satisfies Rejection;
  return { events: [{ event: 'Withdrawn', ledger, account, amount: command.amount }], reply: balance - command.amount };
}

export const anyone: Caller = {
  account: '000000000001',
  owner: { id: 'f'.repeat(64), displayName: 'anyone' },
  accessKey: 'AKIATEST',
  requestId: 'request-1',
  sourceAddress: '127.0.0.1',
  time: 1_700_000_000_000,
};
