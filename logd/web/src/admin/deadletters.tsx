/** Messages that couldn't be stored: why, what is in them, and putting them back into the queue. */

import { useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { useLoad } from '../api/load';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { Empty, Failed, Loading } from '../parts/states';
import { Table } from '../parts/table';
import { LongText, Text } from '../parts/text';
import { toast, toastError } from '../parts/toast';
import { reconnects } from '../state/connection';
import { bytesText, countText, manyText } from '../state/numbers';
import { timeText } from '../state/time';
import { Ask } from './ask';

type Letter = Schemas['DeadLetter'];

const PAGE = 100;

export function DeadLetters() {
  // The positions that pages begin behind: the last one is shown.
  const [pages, setPages] = useState<readonly (number | undefined)[]>([undefined]);
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const [shown, setShown] = useState<number>();
  const [asking, setAsking] = useState<'some' | 'all'>();
  const [replaying, setReplaying] = useState(false);
  const after = pages.at(-1);
  const { data, error, loading, began, reload } = useLoad(
    (signal) => body(api.GET('/api/v1/deadletters', { params: { query: { limit: PAGE, after } }, signal })),
    [after, reconnects.value],
  );
  if (!data) return error ? <Failed error={error} retry={reload} /> : <Loading began={began} />;
  if (!data.deadletters.length && pages.length === 1) {
    return <Empty title="No dead letters">Everything that was taken in could be stored.</Empty>;
  }

  const changed = () => {
    setChosen(new Set());
    setPages([undefined]);
    reload();
  };
  const replay = async (all: boolean) => {
    setReplaying(true);
    try {
      const done = await body(api.POST('/api/v1/deadletters/replay', { body: all ? { all, positions: null } : { positions: [...chosen], all } }));
      const refused = Object.values(done.refused);
      toast(`${manyText(done.replayed, 'message')} (${manyText(done.lines, 'line')}) went into the queue again`);
      if (refused.length) toastError(new Error(`${manyText(refused.length, 'message')} stayed: ${refused[0]}`));
      changed();
    } catch (reason) {
      toastError(reason);
    }
    setReplaying(false);
  };
  const remove = async (all: boolean) => {
    const query = all ? { all } : { positions: [...chosen] };
    const done = await body(api.DELETE('/api/v1/deadletters', { params: { query } }));
    changed();
    return `${manyText(done.removed, 'message')} deleted`;
  };
  const choose = (position: number, is: boolean) => {
    const next = new Set(chosen);
    if (is) next.add(position);
    else next.delete(position);
    setChosen(next);
  };

  return (
    <>
      <header class="toolbar">
        <Button icon="reload" disabled={replaying || !chosen.size} onClick={() => replay(false)}>
          Replay {chosen.size || ''}
        </Button>
        <Button kind="danger" icon="trash" disabled={!chosen.size} onClick={() => setAsking('some')}>
          Delete {chosen.size || ''}
        </Button>
        <span class="spring" />
        <Button disabled={replaying} onClick={() => replay(true)}>Replay all</Button>
        <Button kind="danger" onClick={() => setAsking('all')}>
          Delete all
        </Button>
      </header>
      {loading && <Loading began={began} />}
      <Table<Letter>
        label="Dead letters"
        rows={data.deadletters}
        rowKey={({ position }) => position}
        columns={[
          {
            title: 'Choose',
            cell: ({ position }) => (
              <input type="checkbox" aria-label={`Choose ${position}`} checked={chosen.has(position)} onChange={(event) => choose(position, event.currentTarget.checked)} />
            ),
          },
          { title: 'When', cell: ({ time }) => <span class="nowrap">{timeText(time, { millis: false })}</span> },
          { title: 'Why', cell: ({ reason, replayable }) => <Text of={replayable ? reason : `${reason} (a replay would change nothing)`} line /> },
          { title: 'Service', cell: ({ service }) => <Text of={service || '–'} line /> },
          { title: 'Host', cell: ({ host }) => <Text of={host || '–'} line /> },
          { title: 'Lines', number: true, cell: ({ lines }) => countText(lines) },
          { title: 'Size', number: true, cell: ({ size }) => bytesText(size) },
          {
            title: 'What',
            cell: ({ position, preview }) => (
              <button type="button" class="preview log" onClick={() => setShown(position)}>
                <Text of={preview || 'bytes'} line />
              </button>
            ),
          },
        ]}
      />
      {(pages.length > 1 || data.next_after !== null) && (
        <footer class="toolbar">
          <Button icon="left" disabled={pages.length === 1} onClick={() => setPages(pages.slice(0, -1))}>
            Earlier
          </Button>
          <Button icon="right" disabled={data.next_after === null} onClick={() => setPages([...pages, data.next_after!])}>
            Later
          </Button>
        </footer>
      )}
      {shown !== undefined && <Letter position={shown} onClose={() => setShown(undefined)} />}
      {asking && (
        <Ask title="Delete for ever?" action="Delete" run={() => remove(asking === 'all')} onClose={() => setAsking(undefined)}>
          {asking === 'all' ? 'All dead letters' : manyText(chosen.size, 'dead letter')} and the lines in them will be gone.
        </Ask>
      )}
    </>
  );
}

function Letter({ position, onClose }: { position: number; onClose: () => void }) {
  const { data, error, began, reload } = useLoad(
    (signal) => body(api.GET('/api/v1/deadletters/{position}', { params: { path: { position } }, signal })),
    [position],
  );
  return (
    <Dialog title={`Dead letter ${position}`} wide onClose={onClose}>
      {!data ? (
        error ? (
          <Failed error={error} retry={reload} />
        ) : (
          <Loading began={began} />
        )
      ) : (
        <div class="stack">
          <p class="wrong">
            <Text of={data.reason} />
          </p>
          <p class="soft">
            <Text of={Object.entries(data.headers).map(([name, value]) => `${name}: ${value}`).join(' · ')} line />
          </p>
          <pre class="log letter" dir="auto">
            <LongText of={data.text ?? data.base64} />
          </pre>
        </div>
      )}
    </Dialog>
  );
}
