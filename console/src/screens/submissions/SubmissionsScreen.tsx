import { NewSubmission } from "./NewSubmission";
import { SubmissionList } from "./SubmissionList";
import { SubmissionPage } from "./SubmissionPage";

/** What the organisation submits: the list, a new one, or the page of the one that the address names by its entry. */
export default function SubmissionsScreen({ id }: { id: string }) {
  if (id === "new") return <NewSubmission />;
  const rest = /^rest-(\d{1,15})$/.exec(id);
  if (rest) return <NewSubmission key={id} rest={Number(rest[1])} />;
  return /^\d{1,15}$/.test(id) ? <SubmissionPage key={id} index={Number(id)} /> : <SubmissionList />;
}
