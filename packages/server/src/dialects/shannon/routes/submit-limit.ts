/** Shannon takes 40 MiB: attachments are sent inline. */
export const SUBMIT_LIMIT_BYTES = 40 * 1024 * 1024;
