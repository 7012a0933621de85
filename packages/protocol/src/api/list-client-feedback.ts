import { clientFeedbackSchema } from '../client-token.ts';
import { pageQuerySchema, pageSchema } from './page.ts';

export const listClientFeedbackQuerySchema = pageQuerySchema;
export const listClientFeedbackReplySchema = pageSchema(clientFeedbackSchema, 'Feedback, newest first');
