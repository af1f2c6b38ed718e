import type { Schemas } from '../api/client';

/** As a rule has it: what it doesn't say isn't there. */
export type Condition = Partial<Schemas['Condition']>;
