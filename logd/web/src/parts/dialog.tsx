import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

import { keepsHere } from '../state/place';
import { Button, IconButton } from './button';
import { Text } from './text';

interface DialogProps {
  title: string;
  /** Called by Escape, the cross, and a click beside it. */
  onClose: () => void;
  children: ComponentChildren;
  /** Buttons, the last one being what one probably wants. */
  actions?: ComponentChildren;
  wide?: boolean;
  /** Much is typed in it: closing it otherwise than by its own buttons asks first. */
  asks?: boolean;
}

/** Above everything else, while it is mounted. The focus stays in it, and goes back to where it was. */
export function Dialog({ title, onClose, children, actions, wide, asks = false }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const typed = useRef(false);
  const [asking, setAsking] = useState(false);
  /** Whether it stays, to ask; a second time means that one goes on. */
  const stays = () => {
    if (!asks || !typed.current) return false;
    setAsking(!asking);
    return true;
  };
  const leave = () => {
    if (!stays()) onClose();
  };
  const latest = useRef({ stays, leave });
  latest.current = { stays, leave };
  useEffect(() => {
    if (!asks) return;
    const warn = (event: BeforeUnloadEvent) => {
      if (typed.current) event.preventDefault();
    };
    const end = keepsHere(() => latest.current.stays());
    addEventListener('beforeunload', warn);
    return () => {
      end();
      removeEventListener('beforeunload', warn);
    };
  }, [asks]);
  useEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement as HTMLElement | null;
    element.showModal();
    // A second Escape closes it without asking: who asked for it still decides.
    const closed = () => {
      element.showModal();
      latest.current.leave();
    };
    element.addEventListener('close', closed);
    return () => {
      element.removeEventListener('close', closed);
      element.close();
      // It is no part of the page any more, and then the browser gives nothing back.
      before?.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        leave();
      }}
      onInput={() => {
        typed.current = true;
      }}
      onMouseDown={(event) => {
        if (event.target === dialog.current) leave();
      }}
    >
      <div class="dialog-inner">
        <header>
          <h2 id={id}>
            <Text of={title} line />
          </h2>
          <IconButton label="Close" icon="close" onClick={leave} />
        </header>
        {asking && <Question onGoOn={() => setAsking(false)} onDrop={onClose} />}
        <div class="dialog-body">{children}</div>
        {actions && <footer>{actions}</footer>}
      </div>
    </dialog>
  );
}

function Question({ onGoOn, onDrop }: { onGoOn: () => void; onDrop: () => void }) {
  const goOn = useRef<HTMLDivElement>(null);
  useEffect(() => goOn.current?.querySelector('button')?.focus(), []);
  return (
    <div ref={goOn} class="dialog-question" role="alert">
      <span>What you have typed isn’t saved.</span>
      <Button onClick={onGoOn}>Go on</Button>
      <Button kind="danger" onClick={onDrop}>
        Drop it
      </Button>
    </div>
  );
}
