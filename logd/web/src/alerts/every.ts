import { useEffect, useState } from 'preact/hooks';

/** One more every so many milliseconds, while somebody looks at the page. */
export function useEvery(ms: number): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const next = () => {
      if (!document.hidden) setTurn((before) => before + 1);
    };
    const timer = setInterval(next, ms);
    document.addEventListener('visibilitychange', next);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', next);
    };
  }, [ms]);
  return turn;
}
