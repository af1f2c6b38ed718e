/** A component that is drawn again only when one of its props is another. */

import { Component, h, type ComponentType, type FunctionComponent } from 'preact';

export function memo<P extends object>(Inner: FunctionComponent<P>): ComponentType<P> {
  return class Kept extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const names = Object.keys(next) as (keyof P)[];
      return names.some((name) => next[name] !== this.props[name]);
    }

    override render() {
      return h(Inner as FunctionComponent, this.props as object);
    }
  };
}
