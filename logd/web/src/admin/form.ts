/** Forms: what is typed, and sending it once. */

import { useState } from 'preact/hooks';

import { asApiError } from '../api/load';

/** The words of a list that is parted by commas or spaces. */
export function words(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** A form's onSubmit, whether it runs, and what was wrong the last time, with its place. */
export function useSubmit(send: () => Promise<void>) {
  const [running, setRunning] = useState(false);
  const [wrong, setWrong] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    setRunning(true);
    setWrong('');
    try {
      await send();
    } catch (error) {
      setWrong(asApiError(error).message);
    }
    setRunning(false);
  };
  return { submit, running, wrong };
}
