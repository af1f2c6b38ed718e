import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';

import { Icon, type IconName } from './icon';

type Native = Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'icon' | 'label' | 'type' | 'disabled'>;

interface ButtonProps extends Native {
  icon?: IconName;
  /** `primary` is what one probably wants, `danger` can't be undone, `plain` has no frame. */
  kind?: 'primary' | 'danger' | 'plain';
  type?: 'button' | 'submit';
  disabled?: boolean;
  children?: ComponentChildren;
}

export function Button({ icon, kind, children, type = 'button', ...native }: ButtonProps) {
  return (
    <button {...native} type={type} class={`button ${kind ?? ''} ${native.class ?? ''}`}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A button that is only a drawing; `label` is its name, and shown when one points at it. */
export function IconButton({ label, icon, ...native }: Native & { label: string; icon: IconName; disabled?: boolean }) {
  return (
    <button {...native} type="button" class={`button plain square ${native.class ?? ''}`} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}
