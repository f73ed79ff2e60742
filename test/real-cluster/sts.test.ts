import type { Deviations } from '../contracts/deviations.ts';
import { type StsSubject, stsContract } from '../contracts/sts.ts';
import { CHECKING, startEmulator } from './emulator.ts';

const NO_VARIABLES = 'the emulator fills in no variables of a policy';
const ANY_NAME = 'the emulator takes any text for a session name';
const ANY_TIME = 'the emulator takes any number of seconds';
const DEVIATIONS: Deviations = {
  'trust in members > is enough in the same account, without a policy of the member':
    'the emulator asks for an identity policy of every caller, and looks at the trust document only then',
  'trust in members > ends with the member: another user of that name is somebody else':
    'the emulator keeps principals of a trust document as they were written, and compares ARNs',
  'a role > is found by its whole ARN only': 'the emulator finds a role by what stands behind the last slash',
  'a session > has no name of one character': ANY_NAME,
  'a session > has no name of 65 characters': ANY_NAME,
  'a session > has no name with a blank': ANY_NAME,
  'a session > has no name with a slash': ANY_NAME,
  'a session > has no name with a colon': ANY_NAME,
  'a session > has no name with a letter that is not ASCII': ANY_NAME,
  'a session > has no name that is a policy variable': ANY_NAME,
  'a session > lasts no time under a quarter of an hour': ANY_TIME,
  'a session > lasts no time over what the role allows': ANY_TIME,
  'a session > lasts no time over twelve hours': ANY_TIME,
  'a session > of a role that another role assumed lasts an hour at most': ANY_TIME,
  'a presigned GetCallerIdentity > is answered as JSON where that is asked for':
    'the emulator answers a GET as XML only',
};

/** What `python/corrected_emulator.py` mends. */
const MENDED: Deviations = {
  'a session name that must be the user’s name > may be that': NO_VARIABLES,
  'a session name that must be the user’s unique id > may be that': NO_VARIABLES,
};

const over = (corrected: boolean) => async (): Promise<StsSubject> => {
  const emulator = await startEmulator({ corrected, env: CHECKING });
  return { own: emulator.aws(), other: emulator.aws('444455556666'), close: () => emulator.stop() };
};

stsContract('the emulator as it comes', over(false), { ...DEVIATIONS, ...MENDED });
stsContract('the emulator, corrected', over(true), DEVIATIONS);
