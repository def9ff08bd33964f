import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Dialog, Modal, ModalOverlay } from "react-aria-components";
import { useDesk } from "../../app/desk";
import type { Signer } from "../../evidence/act";
import { utf8 } from "../../evidence/bytes";
import type { Members } from "../../evidence/canonical";
import { useText } from "../../i18n/texts";
import { newManifest, signManifest, type Outgoing } from "../../signing/manifest";
import { SignForm } from "../../signing/SignDialog";
import { useKey } from "../../signing/useKey";
import { defaultsOf } from "../../wire/preview";
import { submit, type Taken } from "../../wire/submissions";
import { unread } from "./sheet";
import type { Looked, SheetState } from "./useSheet";

interface Props {
  sheet: SheetState;
  looked: Looked;
  onTaken: (taken: Taken) => void;
}

/** Signs a submission and sends it; only what was looked at as it stands now can be. */
export function Sending({ sheet, looked, onTaken }: Props) {
  const t = useText();
  const [outgoing, setOutgoing] = useState<Outgoing | null>(null);
  const { said, isStale, pending } = sheet;
  const { preview } = looked;
  const isAnswered = preview.questions.every((one) => one.name in SAID || said.answers[one.name]?.trim());
  const isUnread = unread(looked.sheet, preview.cells).length > 0;
  const missing = !said.handling || !said.legalBasis || said.purposes.length === 0 || !isAnswered;
  const propose = () =>
    setOutgoing({
      body: looked.sheet.body,
      mediaType: preview.mediaType,
      mapping: preview.mapping ? utf8(preview.mapping) : null,
      defaults: defaultsOf(said) as Members,
    });
  return (
    <>
      <Button isDisabled={missing || isStale || isUnread || pending || preview.accepted === 0} onPress={propose}>
        {t("new.submit")}
      </Button>
      {(missing || isStale) && <span className="small">{t(missing ? "new.missing" : "new.stale")}</span>}
      <ModalOverlay className="overlay" isOpen={outgoing !== null} onOpenChange={(open) => !open && setOutgoing(null)}>
        <Modal className="modal">
          <Dialog className="dialog">
            {outgoing && (
              <SignManifest
                outgoing={outgoing}
                words={t("words.submit", {
                  accepted: preview.accepted,
                  rejected: preview.rejected,
                  handling: `TLP:${said.handling}`,
                  basis: said.legalBasis,
                  purposes: said.purposes.join(", "),
                })}
                onClose={() => setOutgoing(null)}
                onTaken={(taken) => {
                  setOutgoing(null);
                  onTaken(taken);
                }}
              />
            )}
          </Dialog>
        </Modal>
      </ModalOverlay>
    </>
  );
}

/** Questions that are answered by what is said once for all rows. */
const SAID = { handling: true, legalBasis: true };

interface SignProps {
  outgoing: Outgoing;
  words: string;
  onClose: () => void;
  onTaken: (taken: Taken) => void;
}

function SignManifest({ outgoing, words, onClose, onTaken }: SignProps) {
  const { session, service, alarm } = useDesk();
  const { place } = useKey();
  const queries = useQueryClient();
  // The very manifest that is shown is the one that is signed, and the same one when it is sent again.
  const [manifest] = useState(() => newManifest(place, outgoing));
  const send = async (key: Signer) => {
    const compact = await signManifest(key, manifest.payload);
    try {
      const taken = await submit({ session, service }, { outgoing, manifest, compact });
      void queries.invalidateQueries({ queryKey: ["submissions"] });
      onTaken(taken);
    } catch (failed) {
      alarm(failed);
      throw failed;
    }
  };
  return <SignForm words={words} payload={manifest.payload} send={send} onClose={onClose} />;
}
