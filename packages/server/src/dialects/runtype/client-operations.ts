import type { Operation } from '../../http/route.ts';
import { clientFeedback } from './routes/client-feedback.ts';
import { clientInit } from './routes/client-init.ts';

/** What pages ask with a client token or a session, without a key. */
export const clientOperations: readonly Operation[] = [clientInit, clientFeedback];
