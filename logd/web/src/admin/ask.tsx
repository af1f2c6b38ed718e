/** A question before something that can't be undone. */

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { toast, toastError } from '../parts/toast';

interface AskProps {
  title: string;
  children: ComponentChildren;
  /** What the button says. */
  action: string;
  /** Does it; gives what is to be said then. */
  run: () => Promise<string>;
  /** What it would do isn't known yet. */
  unready?: boolean;
  onClose: () => void;
}

export function Ask({ title, children, action, run, unready = false, onClose }: AskProps) {
  const [running, setRunning] = useState(false);
  const go = async () => {
    setRunning(true);
    try {
      toast(await run());
    } catch (error) {
      toastError(error);
    }
    onClose();
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="danger" disabled={running || unready} onClick={go}>
            {action}
          </Button>
        </>
      }
    >
      {children}
    </Dialog>
  );
}
