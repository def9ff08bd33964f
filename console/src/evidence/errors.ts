/** What does not hold, by a code that the verifiers in Python and here share. */
export class VerifyError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "VerifyError";
  }
}
