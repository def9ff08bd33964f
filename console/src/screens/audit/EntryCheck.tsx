import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import { moment, useLanguage, useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { readEntry, type Head } from "../../wire/log";

interface Props {
  head: Head;
  asked: number | null;
  onAsk: (entry: number) => void;
}

/** Whether an entry is in the log: computed here from the log's tiles, up to the root that the head signs. */
export function EntryCheck({ head, asked, onAsk }: Props) {
  const t = useText();
  const language = useLanguage();
  const id = useId();
  const { alarm } = useDesk();
  const [text, setText] = useState("");
  const isStale = asked !== null && asked >= head.checkpoint.size;
  const { data, error } = useQuery({
    queryKey: ["entry", asked, head.checkpoint.size],
    enabled: asked !== null,
    queryFn: async () => {
      try {
        return await readEntry(asked ?? 0, head);
      } catch (failed) {
        // A number that the log has not reached is no fault of the log.
        if (!isStale) alarm(failed);
        throw failed;
      }
    },
  });
  useEffect(() => {
    if (asked !== null) setText(String(asked));
  }, [asked]);
  return (
    <section className="card" aria-label={t("audit.entry")}>
      <h2>{t("audit.entry")}</h2>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (/^\d{1,15}$/.test(text)) onAsk(Number(text));
        }}
      >
        <label htmlFor={id}>{t("audit.number")}</label>
        <input id={id} type="text" inputMode="numeric" pattern="[0-9]{1,15}" value={text} onChange={(event) => setText(event.target.value)} required />
        <Button type="submit">{t("audit.check")}</Button>
      </form>
      {error && <Failure error={error} />}
      {data && (
        <p role="status">
          ✓ {t("audit.included", { entry: asked ?? 0, size: head.checkpoint.size, type: data.type, at: moment(language, data.t) })}
        </p>
      )}
    </section>
  );
}
