import { inboxCountsSchema } from '../inbox.ts';

export const getInboxCountsReplySchema = inboxCountsSchema;
