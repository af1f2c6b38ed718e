/** Who asks: a token of the API, kept in this browser until it is forgotten. */

import { persisted } from './settings';
import { signal } from '@preact/signals';

export const token = persisted('token', '');
/** The server wants another one. */
export const needsToken = signal(false);
