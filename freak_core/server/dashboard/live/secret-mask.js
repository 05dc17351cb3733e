/** The server shows this text in place of a secret. Sending it back leaves the secret unchanged. */
export const MASK = "**********";
