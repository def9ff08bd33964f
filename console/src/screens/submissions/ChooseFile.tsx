import { useState } from "react";
import { Button, DropZone, FileTrigger, Text } from "react-aria-components";
import { useText } from "../../i18n/texts";

const ENDINGS = [".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ndjson", ".jsonl"];
/** So many bytes are looked at here; the service refuses more. */
const MOST = 4 << 20;

/** Takes a file that is dropped, or chosen. */
export function ChooseFile({ onChosen }: { onChosen: (file: File) => void }) {
  const t = useText();
  const [isLarge, setLarge] = useState(false);
  const choose = (file: File | undefined) => {
    if (!file) return;
    setLarge(file.size > MOST);
    if (file.size <= MOST) onChosen(file);
  };
  return (
    <>
      <DropZone
        className="drop"
        onDrop={(event) => {
          const dropped = event.items.find((one) => one.kind === "file");
          if (dropped) void dropped.getFile().then(choose);
        }}
      >
        <p>
          <Text slot="label">{t("new.drop")}</Text>
        </p>
        <FileTrigger acceptedFileTypes={ENDINGS} onSelect={(files) => choose(files?.[0])}>
          <Button>{t("new.choose")}</Button>
        </FileTrigger>
        <p className="small">{t("new.stays")}</p>
      </DropZone>
      {isLarge && (
        <p className="failure" role="alert">
          {t("new.large")} <code dir="ltr">graphsvc submit</code>
        </p>
      )}
    </>
  );
}
