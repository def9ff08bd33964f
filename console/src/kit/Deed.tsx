import { moment, useLanguage, useText } from "../i18n/texts";

interface Props {
  /** What was done, in a word, and by whom. */
  title: string;
  who: string;
  at: string;
  /** The entry that proves it. */
  index: number;
  text: string | null | undefined;
}

/** Something that somebody did, as an item of a list. */
export function Deed({ title, who, at, index, text }: Props) {
  const t = useText();
  const language = useLanguage();
  return (
    <li className="record">
      <p className="row">
        <strong>{title}</strong>
        <span>{who}</span>
        <span className="small">
          {moment(language, at)} · {t("signing.entry", { entry: index })}
        </span>
      </p>
      {text && <p>{text}</p>}
    </li>
  );
}
