/** The field groups that records can be disclosed in, in the order of the schema. */
export const GROUPS = ["identity", "personal", "content", "financial", "operational"];
