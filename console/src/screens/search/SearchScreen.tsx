import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "react-aria-components";
import { FootingDialog } from "../../app/FootingDialog";
import { useDesk } from "../../app/desk";
import { useText } from "../../i18n/texts";
import { Found } from "./Found";
import { recognise, type Reading } from "./recognise";

/** One box: the kind is found from what is typed or pasted. What is asked stays out of the address. */
export default function SearchScreen() {
  const t = useText();
  const { service, stated } = useDesk();
  const [text, setText] = useState("");
  const [readings, setReadings] = useState<Reading[]>([]);
  const [stating, setStating] = useState(false);
  const [onlyOwn, setOnlyOwn] = useState(false);
  const queries = useQueryClient();
  const look = () => {
    // Whoever asks again is answered anew: a request may have been granted meanwhile.
    void queries.invalidateQueries({ queryKey: ["search"] });
    setReadings(recognise(text, service.couriers));
    // Others' records need a footing: it is asked for once, before the first question.
    if (!stated && !onlyOwn) setStating(true);
  };
  return (
    <>
      <h1>{t("search.title")}</h1>
      <form
        className="search"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          look();
        }}
      >
        <label htmlFor="question">{t("search.label")}</label>
        <div className="row">
          <input id="question" type="text" value={text} onChange={(event) => setText(event.target.value)} placeholder={t("search.placeholder")} autoComplete="off" autoCapitalize="off" spellCheck={false} maxLength={300} />
          <Button type="submit">{t("search.go")}</Button>
        </div>
        <p className="small">{t("search.hint")}</p>
      </form>
      <FootingDialog isOpen={stating} onOpenChange={setStating} />
      {readings.length > 0 && !stated && !stating && !onlyOwn && (
        <div className="note" role="status">
          <p>{t("search.unstated")}</p>
          <div className="row">
            <Button onPress={() => setStating(true)}>{t("footing.unstated")}</Button>
            <Button className="quiet" onPress={() => setOnlyOwn(true)}>
              {t("search.onlyOwn")}
            </Button>
          </div>
        </div>
      )}
      {(stated || onlyOwn) && readings.map((one) => <Found key={JSON.stringify(one)} reading={one} />)}
      {readings.length === 0 && <p className="empty">{t("search.empty")}</p>}
    </>
  );
}
