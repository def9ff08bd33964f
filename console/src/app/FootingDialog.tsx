import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import CASES from "../documents/cases.graphql";
import { useText } from "../i18n/texts";
import { Choice } from "../kit/Choice";
import { Failure } from "../kit/Failure";
import type { CasesData } from "../wire/shapes";
import { useDesk } from "./desk";

/** States purpose, legal basis and case. `onStated` runs once they are. */
export function FootingDialog(props: { isOpen?: boolean; onOpenChange?: (open: boolean) => void }) {
  const t = useText();
  return (
    <ModalOverlay className="overlay" isDismissable {...props}>
      <Modal className="modal">
        <Dialog className="dialog">
          {({ close }) => (
            <>
              <Heading slot="title">{t("footing.title")}</Heading>
              <p>{t("footing.text")}</p>
              <FootingForm close={close} />
            </>
          )}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function FootingForm({ close }: { close: () => void }) {
  const t = useText();
  const { ask, footing, service, state } = useDesk();
  const [draft, setDraft] = useState(footing);
  const cases = useQuery({ queryKey: ["cases"], queryFn: () => ask<CasesData>(CASES, {}) });
  const known = cases.data?.data.cases ?? [];
  const complete = draft.purpose && draft.legalBasis && draft.case;
  const chosen = (reference: string) => {
    const found = known.find((one) => one.reference === reference);
    setDraft({ ...draft, case: reference, legalBasis: draft.legalBasis || (found?.legalBasis ?? "") });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        state(draft);
        close();
      }}
    >
      {cases.error && <Failure error={cases.error} />}
      {cases.data && known.length === 0 && <p role="status">{t("footing.noCase")}</p>}
      <Choice label={t("footing.case")} value={draft.case} onChange={chosen} options={known.map((one) => [one.reference, `${one.reference}: ${one.title}`])} />
      <Choice label={t("footing.purpose")} value={draft.purpose} onChange={(purpose) => setDraft({ ...draft, purpose })} options={service.purposes.map((one) => [one.code, `${one.code}: ${one.title}`])} />
      <Choice label={t("footing.basis")} value={draft.legalBasis} onChange={(legalBasis) => setDraft({ ...draft, legalBasis })} options={service.legalBases.map((one) => [one.code, `${one.code}: ${one.title}`])} />
      <div className="row">
        <Button type="submit" isDisabled={!complete}>
          {t("footing.state")}
        </Button>
        <Button className="quiet" onPress={close}>
          {t("cancel")}
        </Button>
      </div>
    </form>
  );
}
