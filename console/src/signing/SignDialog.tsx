import { useState } from "react";
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useDesk } from "../app/desk";
import { freshName, kidOf, payloadOf, signAct, typOf, type Decision, type Signer } from "../evidence/act";
import { canonicalText, type Members } from "../evidence/canonical";
import { moment, useLanguage, useText } from "../i18n/texts";
import { Failure } from "../kit/Failure";
import { AskError } from "../wire/ask";
import { KeyPanel } from "./KeyPanel";
import { useKey } from "./useKey";

/** What the service says where the key counts for nothing (yet). */
const NO_KEY = ["bad_act", "unknown_key"];

/** A decision to be signed: what it is in words, and the document that hands it in. */
export interface Proposed {
  decision: Decision;
  words: string;
  document: string;
}

interface Props {
  proposed: Proposed | null;
  onClose: () => void;
  /** Runs once the act is entered and the dialog closed, with what it made and the entry that carries it. */
  onDone: (data: unknown, index: number) => void;
}

/** Shows what will be signed, in words and to the letter, and signs it when told to. */
export function SignDialog({ proposed, onClose, onDone }: Props) {
  return (
    <ModalOverlay className="overlay" isOpen={proposed !== null} onOpenChange={(open) => !open && onClose()}>
      <Modal className="modal">
        <Dialog className="dialog">{proposed && <Signing proposed={proposed} onClose={onClose} onDone={onDone} />}</Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function Signing({ proposed, onClose, onDone }: Props & { proposed: Proposed }) {
  const desk = useDesk();
  const { place } = useKey();
  // The very payload that is shown is the one that is signed, and the same one when it is sent again.
  const [payload] = useState(() => payloadOf(place, proposed.decision, new Date(), freshName()));
  const send = async (key: Signer) => {
    const compact = await signAct(key, typOf(proposed.decision), payload);
    const acted = await desk.act<unknown>(proposed.document, compact);
    onClose();
    onDone(acted.data, acted.index);
  };
  return <SignForm words={proposed.words} payload={payload} send={send} onClose={onClose} />;
}

interface FormProps {
  words: string;
  payload: Members;
  /** Signs the payload, and hands it in. */
  send: (key: Signer) => Promise<void>;
  onClose: () => void;
}

/** What will be signed, in words and to the letter, with the key that it will be signed with. */
export function SignForm({ words, payload, send, onClose }: FormProps) {
  const t = useText();
  const { key } = useKey();
  const [error, setError] = useState<Error | null>(null);
  const [pending, setPending] = useState(false);
  const sign = async () => {
    if (key === null) return;
    setPending(true);
    setError(null);
    try {
      await send(key);
    } catch (failed) {
      setError(failed as Error);
    } finally {
      setPending(false);
    }
  };
  const isNoKey = error instanceof AskError && NO_KEY.includes(error.code);
  return (
    <>
      <Heading slot="title">{t("signing.title")}</Heading>
      <p className="key">{words}</p>
      <Particulars payload={payload} />
      {key ? (
        <p>
          {t("signing.with")} <code>{kidOf(key.public)}</code>
        </p>
      ) : (
        <p role="status">{t("signing.lacks")}</p>
      )}
      {error && <Failure error={error} />}
      {(!key || isNoKey) && <KeyPanel />}
      <div className="row">
        <Button isDisabled={key === null || pending} onPress={() => void sign()}>
          {t("signing.sign")}
        </Button>
        <Button className="quiet" onPress={onClose}>
          {t("cancel")}
        </Button>
      </div>
    </>
  );
}

function Particulars({ payload }: { payload: Members }) {
  const t = useText();
  const language = useLanguage();
  const { session } = useDesk();
  return (
    <>
      <dl>
        <div>
          <dt>{t("signing.who")}</dt>
          <dd>
            {session.person} · {session.org}
          </dd>
        </div>
        <div>
          <dt>{t("signing.log")}</dt>
          <dd>{String(payload.aud)}</dd>
        </div>
        <div>
          <dt>{t("signing.until")}</dt>
          <dd>{moment(language, String(payload.exp))}</dd>
        </div>
        {payload.after !== undefined && (
          <div>
            <dt>{t("signing.known")}</dt>
            <dd>{t("signing.entry", { entry: Number(payload.after) })}</dd>
          </div>
        )}
      </dl>
      <details>
        <summary>{t("signing.exact")}</summary>
        <pre className="command" dir="ltr" tabIndex={0}>
          {canonicalText(payload)}
        </pre>
      </details>
    </>
  );
}
