/** Where an export goes: a file that the browser writes as it comes, else one that it is given at the end. */

export interface Sink {
  write: (bytes: Uint8Array) => Promise<void>;
  /** The file is there. */
  close: () => Promise<void>;
  /** There is none. */
  abort: () => Promise<void>;
}

interface Picker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<{ createWritable: () => Promise<FileSystemWritableFileStream> }>;
}

/** Rejects with an AbortError when whoever is asked for a place doesn't name one. */
export async function openFile(name: string): Promise<Sink> {
  const { showSaveFilePicker } = window as Picker;
  if (!showSaveFilePicker) return inMemory(name);
  const file = await (await showSaveFilePicker({ suggestedName: name })).createWritable();
  return {
    write: (bytes) => file.write(bytes as Uint8Array<ArrayBuffer>),
    close: () => file.close(),
    abort: () => file.abort().catch(() => undefined),
  };
}

/** Without the API for files: browsers keep large Blobs on disk. */
function inMemory(name: string): Sink {
  let blob = new Blob();
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const gather = () => {
    blob = new Blob([blob, ...parts]);
    parts = [];
    size = 0;
  };
  return {
    write: async (bytes) => {
      parts.push(bytes as Uint8Array<ArrayBuffer>);
      size += bytes.length;
      if (size > 8_000_000) gather();
    },
    close: async () => {
      gather();
      const url = URL.createObjectURL(blob);
      const link = document.createElement('a');
      link.href = url;
      link.download = name;
      link.click();
      // The browser has to begin first.
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    },
    abort: async () => {
      parts = [];
      blob = new Blob();
    },
  };
}
