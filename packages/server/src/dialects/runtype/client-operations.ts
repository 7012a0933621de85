import type { Operation } from '../../http/route.ts';
import { clientApprove } from './routes/client-approve.ts';
import { clientChat } from './routes/client-chat.ts';
import { clientFeedback } from './routes/client-feedback.ts';
import { clientInit } from './routes/client-init.ts';
import { clientResume } from './routes/client-resume.ts';
import { getClientEvents } from './routes/get-client-events.ts';

/** What pages ask with a client token or a session, without a key. */
export const clientOperations: readonly Operation[] = [
  clientInit,
  clientChat,
  clientResume,
  clientApprove,
  getClientEvents,
  clientFeedback,
];
