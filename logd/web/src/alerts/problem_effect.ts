import { useEffect } from 'preact/hooks';

import type { ApiError } from '../api/client';

/** Tells what is wrong with a rule, and that nothing is any more. */
export function useProblemEffect(error: ApiError | undefined, asked: boolean, tell: (error: ApiError | undefined) => void): void {
  const wrong = asked && error?.status === 400 ? error : undefined;
  useEffect(() => tell(wrong), [wrong]);
}
