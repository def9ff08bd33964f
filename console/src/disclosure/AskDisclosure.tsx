import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useText } from "../i18n/texts";
import { Link } from "../kit/Link";
import { SignDialog, type Proposed } from "../signing/SignDialog";
import type { MadeData } from "../wire/requests";
import { AskForm, draftOf } from "./AskForm";

/** What is asked about: a holder's hit on an identifier, or records of it that withhold something. */
export interface Subject {
  holder: string;
  identifiers: { kind: string; parts: { name: string; value: string }[] }[];
  records: string[];
  /** What to tick at first. */
  groups: string[];
}

/** Asks a holder for disclosure: a form, then what will be signed, then the way to the request. */
export function AskDisclosure({ subject, label }: { subject: Subject; label: string }) {
  const t = useText();
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  // Whoever goes back from signing finds the form as it was.
  const [draft, setDraft] = useState(() => draftOf(subject));
  const [proposed, setProposed] = useState<Proposed | null>(null);
  const [made, setMade] = useState<string | null>(null);
  if (made) {
    return (
      <p role="status">
        {t("ask.done", { holder: subject.holder })} <Link to={`requests/${encodeURIComponent(made)}`}>{t("ask.look")}</Link>
      </p>
    );
  }
  return (
    <>
      <Button className="quiet" onPress={() => setOpen(true)}>
        {label}
      </Button>
      <ModalOverlay className="overlay" isOpen={open && proposed === null} onOpenChange={setOpen}>
        <Modal className="modal">
          <Dialog className="dialog">
            <Heading slot="title">{t("ask.title", { holder: subject.holder })}</Heading>
            <AskForm subject={subject} draft={draft} onDraft={setDraft} onProposed={setProposed} onClose={() => setOpen(false)} />
          </Dialog>
        </Modal>
      </ModalOverlay>
      <SignDialog
        proposed={proposed}
        onClose={() => setProposed(null)}
        onDone={(data) => {
          setOpen(false);
          setMade((data as MadeData).requestDisclosure?.id ?? null);
          void queries.invalidateQueries({ queryKey: ["requests"] });
        }}
      />
    </>
  );
}
