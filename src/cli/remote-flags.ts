/** Flags of commands that take http(s) addresses; what they mean is in remote.ts, which is loaded when one is given. */
import { Flags } from '@oclif/core';

export const REMOTE_FLAGS = {
  header: Flags.string({
    summary: "Header to send to the address's host, 'Name: value', or @FILE with one a line; repeatable.",
    helpValue: 'HEADER',
    multiple: true,
    multipleNonGreedy: true,
  }),
  download: Flags.boolean({
    summary: 'Fetch an http(s) address whole before it is read: for servers that do not send parts.',
  }),
};

export interface RemoteFlags {
  readonly header?: readonly string[] | undefined;
  readonly download?: boolean | undefined;
}
