import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

interface PopoverProps {
  /** What opens it, as a button's content, and its name for those who don't see it. */
  button: ComponentChildren;
  label: string;
  /** Its content; `close` closes it. */
  children: (close: () => void) => ComponentChildren;
  align?: 'left' | 'right';
  class?: string;
}

/** A button with something below it, until one presses Escape or clicks elsewhere. */
export function Popover({ button, label, children, align = 'left', class: name = '' }: PopoverProps) {
  const [open, setOpen] = useState(false);
  const holder = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    opener.current?.focus();
  };
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!holder.current?.contains(event.target as Node)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      // A dialog around it stays.
      event.preventDefault();
      close();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('keydown', escape, true);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('keydown', escape, true);
    };
  }, [open]);
  return (
    <div class="popover-holder" ref={holder}>
      <button ref={opener} type="button" class={`button ${name}`} aria-label={label} title={label} aria-expanded={open} aria-controls={open ? id : undefined} onClick={() => setOpen(!open)}>
        {button}
      </button>
      {open && (
        <div id={id} class={`popover ${align}`} role="group" aria-label={label}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
