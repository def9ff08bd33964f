import { useState } from "react";
import { Button, FileTrigger } from "react-aria-components";
import { useDesk } from "../app/desk";
import { freshSalt, keyRequest, kidOf } from "../evidence/act";
import type { Held } from "../evidence/keyring";
import { useText } from "../i18n/texts";
import { Failure } from "../kit/Failure";
import { saveFile } from "../kit/saveFile";
import { useKey } from "./useKey";

/** The signing key here, how to get one, and how it comes to count. */
export function KeyPanel() {
  const t = useText();
  const { key, error, make, choose } = useKey();
  const [failed, setFailed] = useState<Error | null>(null);
  const trying = (work: Promise<unknown>) => {
    setFailed(null);
    void work.catch(setFailed);
  };
  const chosen = (files: FileList | null) => {
    const [file] = files ?? [];
    if (file) trying(choose(file));
  };
  const problem = failed ?? error;
  return (
    <section className="note" aria-label={t("signing.key")}>
      {key ? <Shown held={key} onFailed={setFailed} /> : <p>{t("signing.none")}</p>}
      <div className="row">
        {!key && <Button onPress={() => trying(make())}>{t("signing.make")}</Button>}
        <FileTrigger acceptedFileTypes={[".pem"]} onSelect={chosen}>
          <Button className="quiet">{t("signing.choose")}</Button>
        </FileTrigger>
      </div>
      {problem && <Failure error={problem} />}
    </section>
  );
}

function Shown({ held, onFailed }: { held: Held; onFailed: (error: Error) => void }) {
  const t = useText();
  const { session } = useDesk();
  const { place } = useKey();
  const kid = kidOf(held.public);
  const file = `key-${kid}.json`;
  const save = async () => saveFile(file, "application/json", await keyRequest(held, place, session.person, freshSalt()));
  return (
    <>
      <p>
        {t(held.kept ? "signing.kept" : "signing.file")} <code>{kid}</code>
      </p>
      {held.kept && (
        <>
          <p>{t("signing.enrol")}</p>
          <pre className="command" dir="ltr" tabIndex={0}>
            {enrolling(kid, session.roles)}
          </pre>
          <Button className="quiet" onPress={() => void save().catch(onFailed)}>
            {t("signing.request")}
          </Button>
        </>
      )}
    </>
  );
}

/** What the officer types who keeps the root key, with the roles that the person has at the service. */
function enrolling(kid: string, roles: string[]): string {
  // A key's id may begin with a dash: no file is named by it alone.
  const granted = roles.map((role) => `--role ${role}`).join(" ");
  const made = `graphsvc keys enrol key-${kid}.json --root root.pem ${granted} --profile profile.json --out key-${kid}.jws`;
  return `${made}\ngraphsvc keys send key-${kid}.jws --profile profile.json`;
}
