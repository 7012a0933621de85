import { defineOperation } from '../../../http/route.ts';
import { admitPage } from '../client-access.ts';
import { CLIENT_TAG } from '../client-page.ts';
import {
  clientFeedbackBodySchema,
  clientFeedbackReplySchema,
  FEEDBACK_BODY_LIMIT_BYTES,
} from '../wire-client.ts';
import { RuntypeError } from '../errors.ts';

export const clientFeedback = defineOperation({
  operationId: 'clientFeedback',
  method: 'POST',
  path: '/v1/client/feedback',
  tag: CLIENT_TAG,
  role: 'viewer',
  summary: 'Say what a reply was worth',
  description:
    'One of each type and message in a session: a second replaces the first, and is answered with 200. At most 200 in a session: then 429.',
  body: clientFeedbackBodySchema,
  replies: {
    201: { description: 'It is kept', schema: clientFeedbackReplySchema },
    200: { description: 'It replaces an earlier one', schema: clientFeedbackReplySchema },
  },
  bodyLimitBytes: FEEDBACK_BODY_LIMIT_BYTES,
  errors: ['forbidden', 'not_found', 'quota_exceeded'],
  async handle({ engine, body, header }) {
    const session = await engine.clients.findSession(body.sessionId);
    // Here the wire documents 404 and no 401.
    if (session === null) throw new RuntypeError('not_found', 'Session not found or expired');
    admitPage(session.token, { origin: header('origin') });
    const { token, type, messageId, rating, comment, metadata } = body;
    if (token && (await engine.clients.findToken(token))?.token.id !== session.token.id) {
      throw new RuntypeError('forbidden', 'The session is of another client token');
    }
    const { id, created } = await engine.clients.giveFeedback(session, {
      type,
      messageId: messageId ?? '',
      rating: rating ?? null,
      comment: comment ?? null,
      metadata: metadata ?? null,
    });
    return {
      status: created ? 201 : 200,
      body: { success: true, feedbackId: id, message: created ? 'Feedback received' : 'Feedback updated' },
    };
  },
});
