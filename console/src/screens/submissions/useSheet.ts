import { useCallback, useRef, useState } from "react";
import { useDesk } from "../../app/desk";
import { useText } from "../../i18n/texts";
import { AskError } from "../../wire/ask";
import { NOTHING_SAID, readPreview, type Preview, type Said, type Sheet } from "../../wire/preview";
import { corrected, endingOf, fileOf, isToBeWritten, NO_EDITS, onlyRows, placeOf, type Edits } from "./sheet";

/** Rows of a file that was sent before, which had so many in all. */
export interface Rest {
  rows: ReadonlySet<number>;
  of: number;
}

/** A file on its way to be submitted: what the service said of it last, and what was changed since. */
export interface Looked {
  sheet: Sheet;
  preview: Preview;
  /** In which encoding the file was that the page wrote anew. */
  readAs: string;
}

export function useSheet() {
  const t = useText();
  const { session, alarm } = useDesk();
  const [looked, setLooked] = useState<Looked | null>(null);
  const [said, setSaid] = useState(NOTHING_SAID);
  const [edits, setEdits] = useState<Edits>(NO_EDITS);
  const [isStale, setStale] = useState(false);
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const turn = useRef(0);
  // What is written and said while the service looks is newer than what it looks at.
  const latest = useRef({ said, edits });
  latest.current = { said, edits };
  const look = useCallback(
    async (sheet: Sheet, words: Said, rest?: Rest) => {
      const mine = (turn.current += 1);
      const included = latest.current.edits;
      setPending(true);
      setError(null);
      try {
        let [asked, preview] = [sheet, await readPreview(session, sheet, words)];
        const readAs = preview.charset;
        if (rest && preview.cells.length !== rest.of) throw new AskError("other_file", t("new.otherFile"), "");
        if (isToBeWritten(preview)) {
          asked = fileOf(preview, preview.cells);
          preview = await readPreview(session, asked, words);
        }
        if (rest) {
          asked = fileOf(preview, onlyRows(preview.cells, preview.header, rest.rows));
          preview = await readPreview(session, asked, words);
        }
        // Something newer was asked meanwhile.
        if (mine !== turn.current) return;
        const left = [...latest.current.edits].filter(([place, text]) => included.get(place) !== text);
        setLooked((before) => ({ sheet: asked, preview, readAs: sheet.written && before ? before.readAs : readAs }));
        setEdits(left.length ? new Map(left) : NO_EDITS);
        setStale(left.length > 0 || latest.current.said !== words);
      } catch (failed) {
        if (mine !== turn.current) return;
        alarm(failed);
        setError(failed as Error);
      } finally {
        if (mine === turn.current) setPending(false);
      }
    },
    [session, alarm, t],
  );
  /** The file with what was corrected in it. */
  const now = (): Sheet | null => {
    if (looked === null) return null;
    return edits.size ? fileOf(looked.preview, corrected(looked.preview.cells, edits)) : looked.sheet;
  };
  return {
    looked,
    said,
    edits,
    isStale,
    pending,
    error,
    /** Takes a file, or only some rows of one that was sent before. */
    take: async (file: File, rest?: Rest) => {
      const words = { ...said, holds: {}, answers: {} };
      latest.current = { said: words, edits: NO_EDITS };
      setSaid(words);
      setEdits(NO_EDITS);
      setLooked(null);
      await look({ body: new Uint8Array(await file.arrayBuffer()), ending: endingOf(file.name), delimiter: "", written: false }, words, rest);
    },
    say: (part: Partial<Said>) => {
      setSaid({ ...said, ...part });
      setStale(true);
    },
    hold: (column: string, kind: string) => {
      const words = { ...said, holds: { ...said.holds, [column]: kind } };
      setSaid(words);
      setStale(true);
      const sheet = now();
      latest.current = { said: words, edits };
      if (sheet) void look(sheet, words);
    },
    correct: (row: number, at: number, text: string) => {
      setEdits(new Map(edits).set(placeOf(row, at), text));
      setStale(true);
    },
    again: () => {
      const sheet = now();
      if (sheet) void look(sheet, said);
    },
    /** Goes on with some rows alone. */
    keep: (rows: ReadonlySet<number>) => {
      if (looked) void look(fileOf(looked.preview, onlyRows(looked.preview.cells, looked.preview.header, rows)), said);
    },
  };
}

export type SheetState = ReturnType<typeof useSheet>;
