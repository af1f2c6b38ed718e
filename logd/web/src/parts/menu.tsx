import type { ComponentChildren } from 'preact';

import { Button } from './button';
import type { IconName } from './icon';

interface MenuItemProps {
  icon: IconName;
  children: ComponentChildren;
  /** Of the popover that the menu is in. */
  close: () => void;
  run: () => void;
  disabled?: boolean;
}

/** Something to do, in a `ul` of the class `menu` in a Popover, which closes. */
export function MenuItem({ icon, children, close, run, disabled = false }: MenuItemProps) {
  return (
    <li>
      <Button
        kind="plain"
        icon={icon}
        disabled={disabled}
        onClick={() => {
          close();
          run();
        }}
      >
        {children}
      </Button>
    </li>
  );
}
