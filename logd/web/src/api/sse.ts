/** Server-sent events, taken out of their text as it comes in pieces of any size. */

export interface ServerEvent {
  /** Empty for an unnamed one. `heartbeat`: no event, but the stream has come as far as `id`. */
  event: string;
  /** Of this event, or of the last one that had an id. */
  id: string;
  data: string;
}

/** One stream's text. What isn't ended by an empty line is no event: a stream that is cut off loses the half of one. */
export class EventText {
  private rest = '';
  private searched = 0;
  private afterReturn = false;
  private began = false;
  private id = '';
  private lastId = '';
  private event = '';
  private data: string[] = [];

  /** The events that are whole with this piece. */
  push(piece: string): ServerEvent[] {
    let text = piece;
    if (!this.began && text) {
      this.began = true;
      if (text.startsWith('\ufeff')) text = text.slice(1);
    }
    // The other half of a line's end that lay across two pieces.
    if (this.afterReturn && text) {
      this.afterReturn = false;
      if (text.startsWith('\n')) text = text.slice(1);
    }
    const found: ServerEvent[] = [];
    const all = this.rest + text;
    let begin = 0;
    const ends = /\r\n?|\n/g;
    ends.lastIndex = this.searched;
    for (let end = ends.exec(all); end; end = ends.exec(all)) {
      this.line(all.slice(begin, end.index), found);
      begin = end.index + end[0].length;
      this.afterReturn = end[0] === '\r' && begin === all.length;
    }
    this.rest = all.slice(begin);
    this.searched = this.rest.length;
    return found;
  }

  private line(line: string, found: ServerEvent[]): void {
    if (!line) return this.done(found);
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') this.data.push(value);
    else if (name === 'event') this.event = value;
    else if (name === 'id' && !value.includes('\0')) this.id = value;
  }

  private done(found: ServerEvent[]): void {
    const { id, event, data } = this;
    if (data.length) found.push({ event, id, data: data.join('\n') });
    else if (id !== this.lastId) found.push({ event: 'heartbeat', id, data: '' });
    this.lastId = id;
    this.event = '';
    this.data = [];
  }
}
